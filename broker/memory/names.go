package memory

import (
	"iter"
	"slices"
	"sort"
	"strings"
	"sync"

	"github.com/parley-ws/parley/broker"
)

// catalogue has the names of all topics in two orders, so that to list what a filter matches costs as much as it matches, however many others
// there are.
type catalogue struct {
	mu      sync.RWMutex
	byName  names // for prefixes and subtrees
	byLevel names // first by what comes before the last part, for levels
}

func newCatalogue() catalogue {
	return catalogue{byName: names{compare: strings.Compare}, byLevel: names{compare: compareLevels}}
}

// add puts in a name, which must not be there.
func (c *catalogue) add(name string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.byName.add(name)
	c.byLevel.add(name)
}

// remove takes out a name.
func (c *catalogue) remove(name string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.byName.remove(name)
	c.byLevel.remove(name)
}

// list returns the first names that f, which is not exact, matches.
func (c *catalogue) list(f broker.Filter, limit int) (list []string) {
	c.mu.RLock()
	defer c.mu.RUnlock()
	from := f.Name // where what matches begins
	if f.Type != broker.BytePrefix && from != "" {
		from += "/"
	}
	matching := c.byName.since(func(name string) bool { return name < from })
	if f.Type == broker.Level {
		matching = c.byLevel.since(func(name string) bool { return level(name) < from })
	}
	for name := range matching {
		if len(list) == limit || !f.Match(name) {
			break
		}
		list = append(list, name)
	}
	return list
}

// level is what comes before the last part of a name, with the slash.
func level(name string) string { return name[:strings.LastIndexByte(name, '/')+1] }

func compareLevels(a, b string) int {
	if c := strings.Compare(level(a), level(b)); c != 0 {
		return c
	}
	return strings.Compare(a, b)
}

// block is how many names a block has at most.
const block = 512

// names is a set of names in an order. They lie in blocks, one after the other and none of them empty, so that little has to be moved for one
// that comes or goes, and little memory is left over when most have gone.
type names struct {
	compare func(a, b string) int
	blocks  [][]string
}

// find returns the place of the first name that is not before another, by a function that says which are: a block, and where in it. It may be
// behind the last one of the block.
func (n *names) find(before func(name string) bool) (int, int) {
	i := sort.Search(len(n.blocks), func(i int) bool { return !before(n.blocks[i][0]) })
	if i == 0 {
		return 0, 0
	}
	names := n.blocks[i-1]
	return i - 1, sort.Search(len(names), func(j int) bool { return !before(names[j]) })
}

func (n *names) add(name string) {
	if len(n.blocks) == 0 {
		n.blocks = [][]string{{name}}
		return
	}
	i, j := n.find(func(other string) bool { return n.compare(other, name) < 0 })
	names := slices.Insert(n.blocks[i], j, name)
	n.blocks[i] = names
	if half := len(names) / 2; len(names) > block {
		n.blocks[i] = append(make([]string, 0, block), names[:half]...)
		n.blocks = slices.Insert(n.blocks, i+1, append(make([]string, 0, block), names[half:]...))
	}
}

func (n *names) remove(name string) {
	i, j := n.find(func(other string) bool { return n.compare(other, name) < 0 })
	if i < len(n.blocks) && j == len(n.blocks[i]) {
		i, j = i+1, 0
	}
	if i >= len(n.blocks) || n.blocks[i][j] != name {
		return
	}
	n.blocks[i] = slices.Delete(n.blocks[i], j, j+1)
	if len(n.blocks[i]) == 0 {
		n.blocks = slices.Delete(n.blocks, i, i+1)
	} else if i+1 < len(n.blocks) && len(n.blocks[i])+len(n.blocks[i+1]) <= block/2 {
		n.blocks[i] = append(n.blocks[i], n.blocks[i+1]...)
		n.blocks = slices.Delete(n.blocks, i+1, i+2)
	}
	if len(n.blocks) == 0 {
		n.blocks = nil
	} else if cap(n.blocks) > 64 && cap(n.blocks) > 4*len(n.blocks) {
		n.blocks = append(make([][]string, 0, 2*len(n.blocks)), n.blocks...)
	}
}

// since returns the names from the first one that is not before another, as for find.
func (n *names) since(before func(name string) bool) iter.Seq[string] {
	return func(yield func(string) bool) {
		i, j := n.find(before)
		for ; i < len(n.blocks); i, j = i+1, 0 {
			for _, name := range n.blocks[i][j:] {
				if !yield(name) {
					return
				}
			}
		}
	}
}
