package check

var serverGroup = Group{
	Name:  "server",
	Title: "",
	Why:   "",
	cases: serverCases,
}

func serverCases() []Case { return nil }
