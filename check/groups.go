package check

// The groups, in the order in which their cases run.
var groups = []Group{
	serverGroup,
	clientGroup,
	framingGroup,
	fragmentsGroup,
	controlGroup,
	utf8Group,
	closeGroup,
	sizeGroup,
	negotiationGroup,
	deflateGroup,
	attackGroup,
}
