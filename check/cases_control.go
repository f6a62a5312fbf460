package check

var controlGroup = Group{
	Name:  "control",
	Title: "",
	Why:   "",
	cases: controlCases,
}

func controlCases() []Case { return nil }
