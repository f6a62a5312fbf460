package main

import (
	"fmt"
	"strings"
	"unicode"
)

// roff is a manual page under way, in the macros of man(7). There is no date in it, so that it is the same at every build.
type roff struct{ strings.Builder }

func (r *roff) line(text string) {
	if text != "" {
		r.WriteString(text + "\n")
	}
}

// begin writes the title and the section NAME, by which man -k finds the page.
func (r *roff) begin(name, short string) {
	r.line(`.\" Made by "parley man".`)
	r.line(fmt.Sprintf(`.TH "%s" "1" "" "Parley" "Parley"`, escaped(strings.ToUpper(name))))
	r.section("NAME")
	first, _, _ := strings.Cut(short, " ")
	if lower := strings.ToLower(first); first[1:] == lower[1:] { // WebSocket stays
		short = lower + short[len(first):]
	}
	r.line(escaped(name) + ` \- ` + escaped(strings.TrimSuffix(short, ".")))
}

func (r *roff) section(title string) { r.line(".SH " + title) }

// synopsis writes the ways to call a program, each behind its name: words in capitals are placeholders.
func (r *roff) synopsis(name string, forms []string) {
	r.section("SYNOPSIS")
	for i, form := range forms {
		if i > 0 {
			r.line(".br")
		}
		out := `\fB` + name + `\fR`
		for word := range strings.FieldsSeq(form) {
			bare := strings.Trim(word, "[]|…")
			style := `\fB`
			if bare == "flags" || bare == strings.ToUpper(bare) && strings.ContainsFunc(bare, unicode.IsLetter) {
				style = `\fI`
			}
			before, after, _ := strings.Cut(word, bare)
			if bare == "" || bare == word && word == "|" {
				out += " " + escaped(word)
				continue
			}
			out += " " + escaped(before) + style + escaped(bare) + `\fR` + escaped(after)
		}
		r.line(out)
	}
}

func (r *roff) paragraphs(list []string) {
	for i, text := range list {
		if i > 0 {
			r.line(".PP")
		}
		r.line(prose(text))
	}
}

// item writes a term, which is roff already, and what there is to say of it.
func (r *roff) item(term, text string) {
	r.line(".TP")
	r.line(term)
	r.line(prose(text))
}

// pairings writes a section of terms in the font.
func (r *roff) pairings(title, font string, list []pairing) {
	if len(list) == 0 {
		return
	}
	r.section(title)
	for _, p := range list {
		r.item(font+escaped(p.term)+`\fR`, p.text)
	}
}

// flag writes a flag and what it does.
func (r *roff) flag(f manualFlag) {
	term := `\fB\-\-` + escaped(f.name) + `\fR`
	if f.short != "" {
		term = `\fB\-` + escaped(f.short) + `\fR, ` + term
	}
	if f.value != "" {
		font := `\fI`
		if f.choice() {
			font = `\fB`
		}
		term += " " + font + escaped(f.value) + `\fR`
	}
	r.item(term, f.says())
}

// examples writes lines of a shell as they are.
func (r *roff) examples(text string) {
	r.line(".nf")
	for line := range strings.Lines(text) {
		r.line(escaped(strings.TrimPrefix(strings.TrimRight(line, "\n"), "  ")))
	}
	r.line(".fi")
}

// prose is a paragraph in which flags and what stands in backquotes are bold.
func prose(text string) string {
	var b strings.Builder
	for i, part := range strings.Split(marked(text), "`") {
		if i%2 == 1 && part != "" {
			b.WriteString(`\fB` + escaped(part) + `\fR`)
			continue
		}
		b.WriteString(escaped(part))
	}
	return guarded(b.String())
}

// escaped is a text in which nothing is an instruction.
func escaped(text string) string {
	var b strings.Builder
	for _, c := range text {
		switch {
		case c == '\\':
			b.WriteString(`\e`)
		case c == '-': // a hyphen would break lines, and be found as a minus nowhere
			b.WriteString(`\-`)
		case c == '\'':
			b.WriteString(`\(aq`)
		case c == '`':
			b.WriteString(`\(ga`)
		case c == '^':
			b.WriteString(`\(ha`)
		case c == '~':
			b.WriteString(`\(ti`)
		case c > unicode.MaxASCII:
			fmt.Fprintf(&b, `\[u%04X]`, c)
		default:
			b.WriteRune(c)
		}
	}
	return guarded(b.String())
}

// guarded keeps the beginning of a line from being an instruction.
func guarded(line string) string {
	if strings.HasPrefix(line, ".") || strings.HasPrefix(line, "'") {
		return `\&` + line
	}
	return line
}
