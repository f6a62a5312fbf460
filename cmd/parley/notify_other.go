//go:build !unix

package main

// There are no such signals here.

func onResize(func()) (stop func()) { return func() {} }

func onUsr1(func()) (stop func()) { return func() {} }

func onHangup(func()) (stop func()) { return func() {} }

func onContinue(func()) (stop func()) { return func() {} }

const canSuspend = false

func stopGroup() {}
