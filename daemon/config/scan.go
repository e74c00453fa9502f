package config

import (
	"fmt"
	"strings"
)

// maxFileSize bounds a configuration, in bytes. The largest known files
// (thousands of virtual servers) stay well below it.
const maxFileSize = 1 << 20

// pieceKind says what a piece of a line is.
type pieceKind uint8

const (
	pieceWords   pieceKind = iota // a keyword and its words
	pieceOpen                     // {
	pieceClose                    // }
	pieceComment                  // # or ! to the end of the line
)

// piece is a part of a line that the tree is built from.
type piece struct {
	kind pieceKind
	text string
	at   Position
}

// checkText refuses what cannot be a configuration before it is looked at.
func checkText(file string, text []byte) *Error {
	if len(text) > maxFileSize {
		return &Error{
			Position: Position{File: file, Line: 1},
			Message:  fmt.Sprintf("file longer than %d bytes, which no configuration is", maxFileSize),
		}
	}
	line, start := 1, 0
	for i, b := range text {
		switch {
		case b == '\n':
			line, start = line+1, i+1
		case i-start >= maxLine:
			return &Error{
				Position: Position{File: file, Line: line},
				Message:  fmt.Sprintf("line longer than %d bytes", maxLine),
			}
		case b < ' ' && b != '\t' && b != '\r' && b != '\f' && b != '\v':
			return &Error{
				Position: Position{File: file, Line: line},
				Message:  fmt.Sprintf("byte 0x%02x: not a text file", b),
			}
		}
	}
	return nil
}

// sourceLine is a line taken apart, by keepalived's rules (decomment in
// lib/parser.c): # and ! start a comment wherever they stand, except between
// double quotes or behind a backslash. Single quotes do not protect them.
// Quotes end on the line they began on.
type sourceLine struct {
	code         string // without the blanks around it
	comment      string // with its mark
	continued    bool   // the line, with its comment, ends with a backslash
	unterminated bool   // a double quote is not closed
}

// cutComment takes a line apart.
func cutComment(line string) sourceLine {
	var cut sourceLine
	end, quoted := -1, false
	for i := 0; i < len(line); i++ {
		switch line[i] {
		case '"':
			quoted = quoted != (end < 0)
		case '\\':
			cut.continued = i == len(line)-1
			i++
		case '#', '!':
			if !quoted && end < 0 {
				end = i
			}
		}
	}
	if end < 0 {
		end = len(line)
	} else {
		cut.comment = strings.TrimRight(line[end:], blanks)
	}
	cut.unterminated = quoted
	code := line[:end]
	if cut.continued && cut.comment == "" {
		code = code[:len(code)-1]
	}
	cut.code = strings.Trim(unescapeMarks(code), blanks)
	return cut
}

// unescapeMarks takes the backslash of \# and \! away, except in quotes.
func unescapeMarks(code string) string {
	if !strings.Contains(code, `\#`) && !strings.Contains(code, `\!`) {
		return code
	}
	var b strings.Builder
	quoted := false
	for i := 0; i < len(code); i++ {
		switch {
		case code[i] == '"':
			quoted = !quoted
		case code[i] == '\\' && i+1 < len(code):
			if quoted || code[i+1] != '#' && code[i+1] != '!' {
				b.WriteByte(code[i])
			}
			i++
		}
		b.WriteByte(code[i])
	}
	return b.String()
}

// statementEnd finds the first brace outside of double quotes.
func statementEnd(code string) int {
	quoted := false
	for i := range len(code) {
		switch code[i] {
		case '"':
			quoted = !quoted
		case '{', '}':
			if !quoted {
				return i
			}
		}
	}
	return len(code)
}

// blanks separate words.
const blanks = " \t\r\f\v"

// splitWords cuts a statement into words as keepalived does for all keywords
// but those that name a script: a double quote starts a new word, which goes
// to the next double quote; single quotes and backslashes are plain letters.
func splitWords(text string) []string {
	var words []string
	for {
		text = strings.TrimLeft(text, blanks)
		if text == "" {
			return words
		}
		if text[0] == '"' {
			word, rest := quotedWord(text[1:])
			words = append(words, word)
			text = rest
			continue
		}
		end := strings.IndexAny(text, blanks+`"`)
		if end < 0 {
			end = len(text)
		}
		words = append(words, text[:end])
		text = text[end:]
	}
}

// quotedWord takes the word before the next double quote. \" is a quote that
// does not end it.
func quotedWord(text string) (word, rest string) {
	var b strings.Builder
	for i := 0; i < len(text); i++ {
		switch {
		case text[i] == '"':
			return b.String(), text[i+1:]
		case strings.HasPrefix(text[i:], `\"`):
			i++
		}
		b.WriteByte(text[i])
	}
	return b.String(), ""
}
