package check

var sizeGroup = Group{
	Name:  "size",
	Title: "",
	Why:   "",
	cases: sizeCases,
}

func sizeCases() []Case { return nil }
