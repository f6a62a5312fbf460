//go:build race

package check_test

// heavy are the cases that move so much that the race detector makes minutes of them. scripts/test.sh runs the suite
// once more without it, whole.
var heavy = []string{"size.*", "attack.flood.*", "deflate.messages.*", "deflate.bomb.*", "fragments.empty.10000"}
