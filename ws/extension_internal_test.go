package ws

import (
	"fmt"
	"reflect"
	"strconv"
	"strings"
	"testing"
)

// describe writes what was parsed in a form that is easy to compare.
func describe(list []extension) string {
	var b strings.Builder
	for i, e := range list {
		if i > 0 {
			b.WriteString(" | ")
		}
		b.WriteString(e.name)
		for _, p := range e.params {
			b.WriteString(" " + p.name)
			if p.valued {
				b.WriteString("=" + p.value)
			}
		}
	}
	return b.String()
}

func TestParseExtensions(t *testing.T) {
	params := func(n int) string {
		var b strings.Builder
		for i := range n {
			fmt.Fprintf(&b, ";p%d", i)
		}
		return b.String()
	}
	const malformed = "malformed"
	for name, tc := range map[string]struct {
		fields []string
		want   string
	}{
		"no field":                            {nil, ""},
		"RFC 9110 §5.6.1.2 empty field":       {[]string{""}, ""},
		"RFC 9110 §5.6.1.2 empty elements":    {[]string{" , ,\t,"}, ""},
		"RFC 9110 §5.6.1.2 among others":      {[]string{",a,,b,"}, "a | b"},
		"RFC 6455 §9.1 one":                   {[]string{"a"}, "a"},
		"RFC 6455 §9.1 several":               {[]string{"a, b,c"}, "a | b | c"},
		"RFC 6455 §9.1 several fields":        {[]string{"a, b", "c"}, "a | b | c"},
		"RFC 6455 §9.1 the same twice":        {[]string{"a; x, a; y"}, "a x | a y"},
		"RFC 6455 §9.1 parameters":            {[]string{"a; b; c=d;e = f"}, "a b c=d e=f"},
		"RFC 6455 §9.1 white space":           {[]string{" \ta\t; b \t=\tc , d "}, "a b=c | d"},
		"RFC 6455 §9.1 case is kept":          {[]string{"Aa; Bb=Cc"}, "Aa Bb=Cc"},
		"RFC 6455 §9.1 every token character": {[]string{"!#$%&'*+-.^_`|~09azAZ"}, "!#$%&'*+-.^_`|~09azAZ"},
		"RFC 6455 §9.1 quoted":                {[]string{`a; b="c"`}, "a b=c"},
		"RFC 6455 §9.1 quoted, escaped":       {[]string{`a; b="\c\d"; e`}, "a b=cd e"},
		"RFC 6455 §9.1 quoted, then more":     {[]string{`a; b="c" , d`}, "a b=c | d"},

		"RFC 6455 §9.1 quoted, empty":           {[]string{`a; b=""`}, malformed},
		"RFC 6455 §9.1 quoted, not a token":     {[]string{`a; b="c d"`}, malformed},
		"RFC 6455 §9.1 quoted, comma":           {[]string{`a; b="c,d"`}, malformed},
		"RFC 6455 §9.1 quoted, quote":           {[]string{`a; b="c\"d"`}, malformed},
		"RFC 6455 §9.1 quoted, not closed":      {[]string{`a; b="c`}, malformed},
		"RFC 6455 §9.1 quoted, escape at end":   {[]string{`a; b="c\`}, malformed},
		"RFC 6455 §9.1 quoted, last is escaped": {[]string{`a; b="c\"`}, malformed},
		"RFC 6455 §9.1 quoted, closed in next":  {[]string{`a; b="c`, `d"`}, malformed},
		"RFC 6455 §9.1 text behind quotes":      {[]string{`a; b="c"d`}, malformed},
		"RFC 6455 §9.1 no name":                 {[]string{"; a"}, malformed},
		"RFC 6455 §9.1 no parameter":            {[]string{"a;"}, malformed},
		"RFC 6455 §9.1 no parameter between":    {[]string{"a;; b"}, malformed},
		"RFC 6455 §9.1 no parameter, comma":     {[]string{"a; , b"}, malformed},
		"RFC 6455 §9.1 no parameter's name":     {[]string{"a; =b"}, malformed},
		"RFC 6455 §9.1 no value":                {[]string{"a; b="}, malformed},
		"RFC 6455 §9.1 no value, then more":     {[]string{"a; b=; c"}, malformed},
		"RFC 6455 §9.1 two values":              {[]string{"a; b=c=d"}, malformed},
		"RFC 6455 §9.1 value of an extension":   {[]string{"a=b"}, malformed},
		"RFC 6455 §9.1 two words":               {[]string{"a b"}, malformed},
		"RFC 6455 §9.1 two words in parameter":  {[]string{"a; b c"}, malformed},
		"RFC 6455 §9.1 quoted name":             {[]string{`"a"`}, malformed},
		"RFC 6455 §9.1 slash":                   {[]string{"a/b"}, malformed},
		"RFC 6455 §9.1 NUL":                     {[]string{"a\x00"}, malformed},
		"RFC 6455 §9.1 line break":              {[]string{"a\r\n, b"}, malformed},
		"RFC 6455 §9.1 not ASCII":               {[]string{"a; b=ä"}, malformed},
		"RFC 6455 §9.1 parameters span fields":  {[]string{"a;", "b"}, malformed},

		"16 extensions":               {[]string{strings.Repeat("a,", 16)}, strings.Repeat("a | ", 15) + "a"},
		"17 extensions":               {[]string{strings.Repeat("a,", 17)}, malformed},
		"17 extensions in two fields": {[]string{strings.Repeat("a,", 9), strings.Repeat("a,", 8)}, malformed},
		"16 parameters":               {[]string{"a" + params(16)}, "a" + strings.ReplaceAll(params(16), ";", " ")},
		"17 parameters":               {[]string{"a" + params(17)}, malformed},
	} {
		t.Run(name, func(t *testing.T) {
			list, err := parseExtensions(tc.fields)
			got := describe(list)
			if err != nil {
				got = malformed
				if list != nil {
					t.Errorf("there is a result beside the error: %v", list)
				}
			}
			if got != tc.want {
				t.Errorf("%q: %q (%v), want %q", tc.fields, got, err, tc.want)
			}
		})
	}
}

// A header field as long as a server takes must not cost more than its length. At quadratic cost, these take minutes.
func TestParseExtensionsLinear(t *testing.T) {
	const size = 4 << 20
	for _, pattern := range []string{
		" ", "\t", ",", ", ", "a", ";", "a;", "a ", "a,", "=", `"`, `\`, "a; b", `a; b="`, "a; b=c",
	} {
		for _, before := range []string{"", "a", "a; b", "a; b=", `a; b="`} {
			for _, after := range []string{"", "a", ",", ";", `"`, "="} {
				s := before + strings.Repeat(pattern, size/len(pattern)/64) + after
				_, _ = parseExtensions([]string{s})
				_, _ = tokenList([]string{s})
				hasToken([]string{s}, "upgrade")
			}
		}
	}
	// No memory is needed for what is skipped.
	for _, pattern := range []string{" ", ",", ", \t"} {
		s := []string{strings.Repeat(pattern, size/len(pattern))}
		if n := testing.AllocsPerRun(3, func() { parseExtensions(s) }); n != 0 {
			t.Errorf("%q repeated: %v allocations", pattern, n)
		}
	}
}

// answerTo is what a server with these options answers to a header field.
func answerTo(t *testing.T, offer string, o *Compression) string {
	t.Helper()
	offers, err := parseExtensions([]string{offer})
	if err != nil {
		t.Fatalf("%q: %v", offer, err)
	}
	p := acceptDeflate(offers, o)
	if p == nil {
		return ""
	}
	return p.String()
}

// With takeover wished for, the answer shows what the client asked for and nothing else.
func TestAcceptDeflate(t *testing.T) {
	const pm = "permessage-deflate"
	both := &Compression{ServerTakeover: true, ClientTakeover: true}
	small := &Compression{ServerTakeover: true, ClientTakeover: true, ServerWindowBits: 10, ClientWindowBits: 11}
	for name, tc := range map[string]struct {
		offer string
		o     *Compression
		want  string // "" if declined
	}{
		"not configured":            {pm, nil, ""},
		"not offered":               {"", both, ""},
		"another extension":         {"x-webkit-deflate-frame", both, ""},
		"a prefix of the name":      {"permessage-deflat", both, ""},
		"RFC 7692 §7.1 plain":       {pm, both, pm},
		"RFC 7692 §7.1 no takeover": {pm, &Compression{}, pm + "; server_no_context_takeover; client_no_context_takeover"},
		"RFC 7692 §7.1.1.1 server takeover only": {pm, &Compression{ServerTakeover: true},
			pm + "; client_no_context_takeover"},
		"RFC 7692 §7.1.1.2 client takeover only": {pm, &Compression{ClientTakeover: true},
			pm + "; server_no_context_takeover"},
		"RFC 7692 §7.1.1.1 asked":           {pm + "; server_no_context_takeover", both, pm + "; server_no_context_takeover"},
		"RFC 7692 §7.1.1.2 told":            {pm + "; client_no_context_takeover", both, pm + "; client_no_context_takeover"},
		"RFC 7692 §7.1.1.1 with a value":    {pm + "; server_no_context_takeover=1", both, ""},
		"RFC 7692 §7.1.1.2 with a value":    {pm + "; client_no_context_takeover=true", both, ""},
		"RFC 7692 §7.1.1.1 twice":           {pm + "; server_no_context_takeover; server_no_context_takeover", both, ""},
		"RFC 7692 §7.1.1.2 twice":           {pm + "; client_no_context_takeover; client_no_context_takeover", both, ""},
		"RFC 7692 §7.1.2.1 twice":           {pm + "; server_max_window_bits=9; server_max_window_bits=9", both, ""},
		"RFC 7692 §7.1.2.2 twice":           {pm + "; client_max_window_bits; client_max_window_bits=9", both, ""},
		"RFC 7692 §7.1 unknown parameter":   {pm + "; window=9", both, ""},
		"RFC 7692 §7.1 case of a parameter": {pm + "; Server_No_Context_Takeover", both, ""},

		"RFC 7692 §7.1.2.1 asked":             {pm + "; server_max_window_bits=12", both, pm + "; server_max_window_bits=12"},
		"RFC 7692 §7.1.2.1 the largest":       {pm + "; server_max_window_bits=15", both, pm + "; server_max_window_bits=15"},
		"RFC 7692 §7.1.2.1 quoted":            {pm + `; server_max_window_bits="12"`, both, pm + "; server_max_window_bits=12"},
		"RFC 7692 §7.1.2.1 no value":          {pm + "; server_max_window_bits", both, ""},
		"RFC 7692 §7.1.2.1 unasked":           {pm, &Compression{ServerTakeover: true, ClientTakeover: true, ServerWindowBits: 10}, pm + "; server_max_window_bits=10"},
		"RFC 7692 §7.1.2.1 smaller than ours": {pm + "; server_max_window_bits=9", small, pm + "; server_max_window_bits=9"},
		"RFC 7692 §7.1.2.1 larger than ours":  {pm + "; server_max_window_bits=11", small, pm + "; server_max_window_bits=10"},

		"RFC 7692 §7.1.2.2 a hint only":       {pm + "; client_max_window_bits", both, pm},
		"RFC 7692 §7.1.2.2 hint used":         {pm + "; client_max_window_bits", small, pm + "; server_max_window_bits=10; client_max_window_bits=11"},
		"RFC 7692 §7.1.2.2 not offered":       {pm, small, pm + "; server_max_window_bits=10"},
		"RFC 7692 §7.1.2.2 a value":           {pm + "; client_max_window_bits=12", both, pm + "; client_max_window_bits=12"},
		"RFC 7692 §7.1.2.2 the largest":       {pm + "; client_max_window_bits=15", both, pm + "; client_max_window_bits=15"},
		"RFC 7692 §7.1.2.2 smaller than ours": {pm + "; client_max_window_bits=9", small, pm + "; server_max_window_bits=10; client_max_window_bits=9"},
		"RFC 7692 §7.1.2.2 larger than ours":  {pm + "; client_max_window_bits=13", small, pm + "; server_max_window_bits=10; client_max_window_bits=11"},

		"RFC 7692 §5 everything": {
			pm + "; client_max_window_bits=9; server_max_window_bits=8; client_no_context_takeover; server_no_context_takeover", both,
			pm + "; server_no_context_takeover; client_no_context_takeover; server_max_window_bits=8; client_max_window_bits=9"},
		"RFC 7692 §5 the second offer":       {pm + "; unknown, " + pm + "; server_max_window_bits=9", both, pm + "; server_max_window_bits=9"},
		"RFC 7692 §5 the first of two":       {pm + "; server_max_window_bits=9, " + pm, both, pm + "; server_max_window_bits=9"},
		"RFC 7692 §5 behind another":         {"x-other; a=b, " + pm, both, pm},
		"RFC 7692 §5 no offer is acceptable": {pm + "; unknown, " + pm + "; server_max_window_bits=16", both, ""},
		"configured beyond the range":        {pm + "; client_max_window_bits", &Compression{ServerTakeover: true, ClientTakeover: true, ServerWindowBits: 16, ClientWindowBits: 7}, pm},
	} {
		t.Run(name, func(t *testing.T) {
			if got := answerTo(t, tc.offer, tc.o); got != tc.want {
				t.Errorf("answer to %q is %q, want %q", tc.offer, got, tc.want)
			}
		})
	}
}

// Window bits are "a decimal integer value without leading zeroes between 8 to 15 inclusive" (RFC 7692 §7.1.2).
func TestDeflateWindowBits(t *testing.T) {
	values := []string{"00", "08", "09", "010", "015", "+9", "-9", "0x9", "9.0", "1e1", "a", "255", "264", "4294967304", "18446744073709551624"}
	for n := range 100 {
		values = append(values, strconv.Itoa(n))
	}
	for _, value := range values {
		n, _ := strconv.Atoi(value)
		valid := n >= 8 && n <= 15 && value == strconv.Itoa(n)
		for _, param := range []string{"server_max_window_bits", "client_max_window_bits"} {
			want, field := "", "permessage-deflate; "+param+"="+value
			if valid {
				want = field
			}
			if got := answerTo(t, field, &Compression{ServerTakeover: true, ClientTakeover: true}); got != want {
				t.Errorf("the answer to %q is %q", field, got)
			}
			if _, err := deflateAgreed([]string{field}, &Compression{ServerTakeover: true, ClientTakeover: true}); (err == nil) != valid {
				t.Errorf("a client that gets %q: %v", field, err)
			}
		}
	}
}

func TestOfferDeflate(t *testing.T) {
	const pm = "permessage-deflate"
	for _, tc := range []struct {
		o    Compression
		want string
	}{
		{Compression{}, pm + "; server_no_context_takeover; client_no_context_takeover; client_max_window_bits"},
		{Compression{ServerTakeover: true}, pm + "; client_no_context_takeover; client_max_window_bits"},
		{Compression{ClientTakeover: true}, pm + "; server_no_context_takeover; client_max_window_bits"},
		{Compression{ServerTakeover: true, ClientTakeover: true}, pm + "; client_max_window_bits"},
		{Compression{ServerTakeover: true, ClientTakeover: true, ServerWindowBits: 15, ClientWindowBits: 15}, pm + "; client_max_window_bits"},
		{Compression{ServerTakeover: true, ClientTakeover: true, ServerWindowBits: 8}, pm + "; server_max_window_bits=8; client_max_window_bits"},
		{Compression{ServerTakeover: true, ClientTakeover: true, ClientWindowBits: 9}, pm + "; client_max_window_bits=9"},
		{Compression{ServerTakeover: true, ClientTakeover: true, ServerWindowBits: 16, ClientWindowBits: -1}, pm + "; client_max_window_bits"},
	} {
		if got := offerDeflate(&tc.o); got != tc.want {
			t.Errorf("%+v: %q, want %q", tc.o, got, tc.want)
		}
		// Whatever we offer, our own server takes.
		offers, err := parseExtensions([]string{offerDeflate(&tc.o)})
		if err != nil {
			t.Fatal(err)
		}
		for _, server := range []Compression{{}, {ServerTakeover: true, ClientTakeover: true}, {ServerWindowBits: 9, ClientWindowBits: 10}} {
			p := acceptDeflate(offers, &server)
			if p == nil {
				t.Fatalf("%q is declined by %+v", tc.want, server)
			}
			if _, err := deflateAgreed([]string{p.String()}, &tc.o); err != nil {
				t.Errorf("%q is answered with %q: %v", tc.want, p, err)
			}
		}
	}
}

func TestDeflateAgreed(t *testing.T) {
	const pm = "permessage-deflate"
	both := &Compression{ServerTakeover: true, ClientTakeover: true}
	for name, tc := range map[string]struct {
		fields []string
		o      *Compression
		want   *DeflateParams
		fails  bool
	}{
		"RFC 6455 §4.1 none":               {nil, both, nil, false},
		"RFC 6455 §4.1 empty":              {[]string{" ,"}, both, nil, false},
		"RFC 6455 §4.1 none was offered":   {[]string{pm}, nil, nil, true},
		"RFC 6455 §4.1 another":            {[]string{"x-other"}, both, nil, true},
		"RFC 6455 §4.1 another beside":     {[]string{pm + ", x-other"}, both, nil, true},
		"RFC 6455 §9.1 malformed":          {[]string{pm + ";"}, both, nil, true},
		"RFC 7692 §7.1 plain":              {[]string{pm}, both, &DeflateParams{ClientMaxWindowBits: 15}, false},
		"RFC 7692 §5 twice":                {[]string{pm + ", " + pm}, both, nil, true},
		"RFC 7692 §5 twice in two fields":  {[]string{pm, pm}, both, nil, true},
		"RFC 7692 §7.1 unknown parameter":  {[]string{pm + "; window=9"}, both, nil, true},
		"RFC 7692 §7.1 repeated parameter": {[]string{pm + "; server_max_window_bits=9; server_max_window_bits=9"}, both, nil, true},
		"RFC 7692 §7.1.1.1 unasked": {[]string{pm + "; server_no_context_takeover"}, both,
			&DeflateParams{ServerNoContextTakeover: true, ClientMaxWindowBits: 15}, false},
		"RFC 7692 §7.1.1.1 with a value": {[]string{pm + "; server_no_context_takeover=1"}, both, nil, true},
		"RFC 7692 §7.1.1.1 not granted":  {[]string{pm}, &Compression{ClientTakeover: true}, nil, true},
		"RFC 7692 §7.1.1.2 demanded": {[]string{pm + "; client_no_context_takeover"}, both,
			&DeflateParams{ClientNoContextTakeover: true, ClientMaxWindowBits: 15}, false},
		"RFC 7692 §7.1.1.2 our own choice": {[]string{pm}, &Compression{ServerTakeover: true},
			&DeflateParams{ClientNoContextTakeover: true, ClientMaxWindowBits: 15}, false},
		"RFC 7692 §7.1.2.1 unasked": {[]string{pm + "; server_max_window_bits=9"}, both,
			&DeflateParams{ServerMaxWindowBits: 9, ClientMaxWindowBits: 15}, false},
		"RFC 7692 §7.1.2.1 no value": {[]string{pm + "; server_max_window_bits"}, both, nil, true},
		"RFC 7692 §7.1.2.1 smaller": {[]string{pm + "; server_max_window_bits=9"}, &Compression{ServerTakeover: true, ClientTakeover: true, ServerWindowBits: 10},
			&DeflateParams{ServerMaxWindowBits: 9, ClientMaxWindowBits: 15}, false},
		"RFC 7692 §7.1.2.1 larger":      {[]string{pm + "; server_max_window_bits=11"}, &Compression{ServerTakeover: true, ServerWindowBits: 10}, nil, true},
		"RFC 7692 §7.1.2.1 not granted": {[]string{pm}, &Compression{ServerTakeover: true, ServerWindowBits: 10}, nil, true},
		"RFC 7692 §7.1.2.2 demanded": {[]string{pm + "; client_max_window_bits=9"}, both,
			&DeflateParams{ClientMaxWindowBits: 9}, false},
		"RFC 7692 §7.1.2.2 no value": {[]string{pm + "; client_max_window_bits"}, both, nil, true},
		"RFC 7692 §7.1.2.2 our own bound": {[]string{pm}, &Compression{ServerTakeover: true, ClientTakeover: true, ClientWindowBits: 10},
			&DeflateParams{ClientMaxWindowBits: 10}, false},
	} {
		t.Run(name, func(t *testing.T) {
			got, err := deflateAgreed(tc.fields, tc.o)
			if (err != nil) != tc.fails || !reflect.DeepEqual(got, tc.want) {
				t.Errorf("%q: %+v, %v; want %+v, failing %t", tc.fields, got, err, tc.want, tc.fails)
			}
		})
	}
}

// With the bound of SetTakeoverMemory reached, both sides agree on compression without takeover.
func TestTakeoverMemory(t *testing.T) {
	limit := takeoverLimit.Load()
	defer SetTakeoverMemory(limit)
	both := &Compression{ServerTakeover: true, ClientTakeover: true}

	SetTakeoverMemory(takeoverUsed.Load())
	const none = "permessage-deflate; server_no_context_takeover; client_no_context_takeover"
	if got := answerTo(t, "permessage-deflate", both); got != none {
		t.Errorf("a server without room answers %q", got)
	}
	if got := offerDeflate(both); got != none+"; client_max_window_bits" {
		t.Errorf("a client without room offers %q", got)
	}
	// client_no_context_takeover in an offer is a promise that the server need not repeat (RFC 7692 §7.1.1.2).
	p, err := deflateAgreed([]string{"permessage-deflate; server_no_context_takeover"}, both)
	if err != nil || !p.ClientNoContextTakeover {
		t.Errorf("a client without room agrees on %+v, %v", p, err)
	}

	SetTakeoverMemory(takeoverUsed.Load() + 1)
	if got := answerTo(t, "permessage-deflate", both); got != "permessage-deflate" {
		t.Errorf("a server with room answers %q", got)
	}

	// What a connection reserves is given back when it ends.
	used := takeoverUsed.Load()
	d := newDeflateConn(DeflateParams{}, both, false)
	if takeoverUsed.Load() <= used {
		t.Error("takeover reserves no memory")
	}
	d.release()
	d = newDeflateConn(DeflateParams{ServerNoContextTakeover: true, ClientNoContextTakeover: true}, both, false)
	if takeoverUsed.Load() != used {
		t.Errorf("%d bytes are reserved without takeover", takeoverUsed.Load()-used)
	}
	d.release()
}
