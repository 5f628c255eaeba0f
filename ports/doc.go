// Package ports holds what the application needs from the world. The comments
// on the methods are law: package porttest checks them, and every adapter
// passes it, the fakes included.
//
// Common to all ports: every method may be repeated, and a second call with the
// same arguments returns what the first did. An error is a *domain.Error. Its
// kind is NotFound only if the other side has answered; where it has not, the
// kind is Unreachable, the effect may have happened or may still happen, and
// only a later read tells. A context that ends makes a method return promptly,
// with the context's error in the chain.
package ports
