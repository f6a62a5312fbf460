package check

var closeGroup = Group{
	Name:  "close",
	Title: "",
	Why:   "",
	cases: closeCases,
}

func closeCases() []Case { return nil }
