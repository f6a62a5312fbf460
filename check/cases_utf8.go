package check

var utf8Group = Group{
	Name:  "utf8",
	Title: "",
	Why:   "",
	cases: utf8Cases,
}

func utf8Cases() []Case { return nil }
