// Package deflate is the conformance suite's own DEFLATE (RFC 1951) for permessage-deflate (RFC 7692).
//
// A [Reader] inflates what a subject sends and holds it to the window that was agreed, a [Writer] compresses what the
// suite sends and honours a window, and a [Builder] makes streams by hand, right or wrong. None of them uses a library
// for the format, so that a mistake of a library cannot hide itself by being made on both sides.
package deflate

import "math/bits"

// tail is the end of the empty stored block that ends every compressed message. It is not sent: RFC 7692 §7.2.1.
const tail = "\x00\x00\xff\xff"

const (
	minBits, maxBits = 8, 15   // of windows: RFC 7692 §7.1.2
	minMatch         = 3       // bytes
	maxMatch         = 258     // bytes
	maxDistance      = 1 << 15 // bytes
	maxCode          = 15      // bits of a Huffman code
	maxStored        = 1<<16 - 1
	endOfBlock       = 256
	firstLength      = 257 // the symbol of the shortest lengths
)

// The types of blocks: RFC 1951 §3.2.3.
const (
	typeStored = iota
	typeFixed
	typeDynamic
)

// An extended is what a symbol for lengths or distances stands for: base and what the extra bits add.
type extended struct {
	base  uint16
	extra uint8
}

// lengthCodes are the symbols from 257 on: RFC 1951 §3.2.5.
var lengthCodes = [29]extended{
	{3, 0}, {4, 0}, {5, 0}, {6, 0}, {7, 0}, {8, 0}, {9, 0}, {10, 0},
	{11, 1}, {13, 1}, {15, 1}, {17, 1}, {19, 2}, {23, 2}, {27, 2}, {31, 2},
	{35, 3}, {43, 3}, {51, 3}, {59, 3}, {67, 4}, {83, 4}, {99, 4}, {115, 4},
	{131, 5}, {163, 5}, {195, 5}, {227, 5}, {258, 0},
}

// distanceCodes are the symbols for distances: RFC 1951 §3.2.5.
var distanceCodes = [30]extended{
	{1, 0}, {2, 0}, {3, 0}, {4, 0}, {5, 1}, {7, 1}, {9, 2}, {13, 2}, {17, 3}, {25, 3},
	{33, 4}, {49, 4}, {65, 5}, {97, 5}, {129, 6}, {193, 6}, {257, 7}, {385, 7}, {513, 8}, {769, 8},
	{1025, 9}, {1537, 9}, {2049, 10}, {3073, 10}, {4097, 11}, {6145, 11}, {8193, 12}, {12289, 12}, {16385, 13}, {24577, 13},
}

// lengthOrder is the order in which the lengths of the code for code lengths are written: RFC 1951 §3.2.7.
var lengthOrder = [19]uint8{16, 17, 18, 0, 8, 7, 9, 6, 10, 5, 11, 4, 12, 3, 13, 2, 14, 1, 15}

// fixedLengths are the lengths of the fixed codes for literals and lengths: RFC 1951 §3.2.6. Those for distances have
// five bits each.
func fixedLengths() (lit, dist []uint8) {
	lit, dist = make([]uint8, 288), make([]uint8, 32)
	for i := range lit {
		switch {
		case i < 144:
			lit[i] = 8
		case i < 256:
			lit[i] = 9
		case i < 280:
			lit[i] = 7
		default:
			lit[i] = 8
		}
	}
	for i := range dist {
		dist[i] = 5
	}
	return lit, dist
}

// reverse turns a code around: codes are written from their most significant bit on, everything else from the least.
func reverse(code uint32, n int) uint32 { return bits.Reverse32(code) >> (32 - n) }
