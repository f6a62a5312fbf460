package check

var fragmentsGroup = Group{
	Name:  "fragments",
	Title: "",
	Why:   "",
	cases: fragmentsCases,
}

func fragmentsCases() []Case { return nil }
