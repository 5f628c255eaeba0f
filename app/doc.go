// Package app holds the use cases of the driver: what an orchestrator may ask
// of volumes, done with the ports and decided by the domain. A Controller
// serves what needs the arrays, a Node what needs this host. Neither keeps
// state that a decision rests on: that is on the arrays and in the kernel.
package app
