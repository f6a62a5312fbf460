package deflate

// tables reads the codes of a dynamic block that starts at bit at: RFC 1951 §3.2.7.
func (r *Reader) tables(at int) error {
	counts := r.take(14)
	if counts < 0 {
		return fail(Truncated, at, "the data ends within the header of a dynamic block")
	}
	nlit, ndist, nlen := counts&31+257, counts>>5&31+1, counts>>10+4
	if nlit > 286 {
		return fail(Corrupt, at, "a block declares %d codes for literals and lengths: 286 exist", nlit)
	}
	r.declared = max(r.declared, ndist)
	var order [19]uint8
	for _, symbol := range lengthOrder[:nlen] {
		n := r.take(3)
		if n < 0 {
			return fail(Truncated, at, "the data ends within the header of a dynamic block")
		}
		order[symbol] = uint8(n)
	}
	lengths := &r.dist // until they are read
	if _, left := lengths.init(order[:]); left != 0 {
		return fail(Corrupt, at, "the codes for code lengths are %s", defect(left))
	}
	all := r.lengths[:nlit+ndist]
	for i := 0; i < len(all); {
		at := r.bit()
		r.fill()
		code := lengths.fast[r.acc&(1<<fastBits-1)]
		if r.take(int(code&15)) < 0 {
			return fail(Truncated, at, "the data ends within the header of a dynamic block")
		}
		symbol, value, times, more := code>>4, uint8(0), 1, 0
		switch symbol {
		case 16:
			if i == 0 {
				return fail(Corrupt, at, "the first code length repeats the one before")
			}
			value, times, more = all[i-1], 3, 2
		case 17:
			times, more = 3, 3
		case 18:
			times, more = 11, 7
		default:
			value = uint8(symbol)
		}
		n := r.take(more)
		if n < 0 {
			return fail(Truncated, at, "the data ends within the header of a dynamic block")
		}
		times += n
		if times > len(all)-i {
			return fail(Corrupt, at, "a code length is repeated %d times where %d are left", times, len(all)-i)
		}
		for range times {
			all[i] = value
			i++
		}
	}
	if all[endOfBlock] == 0 {
		return fail(Corrupt, at, "there is no code for the end of the block")
	}
	// One code of one bit is half of a set.
	if codes, left := r.lit.init(all[:nlit]); left < 0 || left > 0 && (codes != 1 || left != 1<<(maxCode-1)) {
		return fail(Corrupt, at, "the codes for literals and lengths are %s", defect(left))
	}
	if codes, left := r.dist.init(all[nlit:]); left < 0 || codes > 0 && left > 0 && (codes != 1 || left != 1<<(maxCode-1)) {
		return fail(Corrupt, at, "the codes for distances are %s", defect(left))
	}
	return nil
}

// defect names what is wrong with a set of codes that is not complete.
func defect(left int) string {
	if left < 0 {
		return "oversubscribed"
	}
	return "incomplete"
}
