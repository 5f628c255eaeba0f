// Package sanity runs csi-sanity, the conformance suite of the Kubernetes
// project, against a whole driver. It has tests only.
package sanity
