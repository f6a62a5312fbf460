package check

var negotiationGroup = Group{
	Name:  "negotiation",
	Title: "",
	Why:   "",
	cases: negotiationCases,
}

func negotiationCases() []Case { return nil }
