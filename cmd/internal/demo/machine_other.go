//go:build !linux

package demo

func growsExt4() bool { return false }
func makesXFS() bool  { return false }
