package check

var deflateGroup = Group{
	Name:  "deflate",
	Title: "",
	Why:   "",
	cases: deflateCases,
}

func deflateCases() []Case { return nil }
