package check

var clientGroup = Group{
	Name:  "client",
	Title: "",
	Why:   "",
	cases: clientCases,
}

func clientCases() []Case { return nil }
