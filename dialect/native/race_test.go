//go:build race

package native_test

// With the race detector everything takes more memory.
const raceEnabled = true
