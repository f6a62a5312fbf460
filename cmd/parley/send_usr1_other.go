//go:build !unix

package main

// onUsr1 does nothing: there is no such signal.
func onUsr1(func()) (stop func()) { return func() {} }
