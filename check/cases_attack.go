package check

var attackGroup = Group{
	Name:  "attack",
	Title: "",
	Why:   "",
	cases: attackCases,
}

func attackCases() []Case { return nil }
