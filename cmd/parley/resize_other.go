//go:build !unix

package main

// onResize does nothing where no signal tells of a window's size.
func onResize(func()) (stop func()) { return func() {} }
