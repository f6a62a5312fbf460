//go:build !race

package ws

// raceEnabled makes builds with -race overwrite lent buffers as soon as their loan is over.
const raceEnabled = false
