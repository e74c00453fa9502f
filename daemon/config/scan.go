package config

import (
	"fmt"
	"strings"
)

// maxFileSize bounds a configuration, in bytes. The largest known files
// (thousands of virtual servers) stay well below it.
const maxFileSize = 1 << 20

// maxLine bounds a line, in bytes. keepalived's own bound is 1024.
const maxLine = 4096

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
	line int
}

// scanner cuts a text into pieces, by keepalived's rules (lib/parser.c):
//
//   - # and ! start a comment wherever they stand, except between double
//     quotes or behind a backslash. Single quotes do not protect them.
//   - { and } end the statement before them, except between double quotes.
//   - Quotes end on the line they began on, and no line continues the one
//     before it.
type scanner struct {
	file   string
	pieces []piece
	faults []*Error
}

// scan cuts a text whose size and bytes were checked.
func scan(file, text string) ([]piece, []*Error) {
	s := &scanner{file: file}
	for i, line := range strings.Split(text, "\n") {
		s.line(strings.TrimSuffix(line, "\r"), i+1)
	}
	return s.pieces, s.faults
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

// line appends the pieces of one line.
func (s *scanner) line(text string, number int) {
	end, problem := codeEnd(text)
	if problem != "" {
		s.faults = append(s.faults, &Error{
			Position: Position{File: s.file, Line: number},
			Message:  problem,
		})
	}
	s.splitBraces(unescapeMarks(text[:end]), number)
	if comment := strings.TrimRight(text[end:], blanks); comment != "" {
		s.pieces = append(s.pieces, piece{kind: pieceComment, text: comment, line: number})
	}
}

// codeEnd finds where the code of a line ends: at a comment or at the line's
// end. problem says what is wrong with the line's quotes, if anything is.
func codeEnd(line string) (end int, problem string) {
	quoted := false
	for i := 0; i < len(line); i++ {
		switch line[i] {
		case '"':
			quoted = !quoted
		case '\\':
			if i == len(line)-1 {
				return i, "a backslash at the end of a line joins no lines"
			}
			i++
		case '#', '!':
			if !quoted {
				return i, ""
			}
		}
	}
	if quoted {
		return len(line), `missing closing " on this line`
	}
	return len(line), ""
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

// splitBraces cuts code at the braces outside double quotes. ${...} is one
// word: it is a variable of the language.
func (s *scanner) splitBraces(code string, line int) {
	start, quoted := 0, false
	words := func(end int) {
		if text := strings.Trim(code[start:end], blanks); text != "" {
			s.pieces = append(s.pieces, piece{kind: pieceWords, text: text, line: line})
		}
		start = end + 1
	}
	for i := 0; i < len(code); i++ {
		switch {
		case code[i] == '"':
			quoted = !quoted
		case code[i] == '\\':
			i++
		case quoted:
		case strings.HasPrefix(code[i:], "${") && strings.IndexByte(code[i:], '}') > 0:
			i += strings.IndexByte(code[i:], '}')
		case code[i] == '{':
			words(i)
			s.pieces = append(s.pieces, piece{kind: pieceOpen, text: "{", line: line})
		case code[i] == '}':
			words(i)
			s.pieces = append(s.pieces, piece{kind: pieceClose, text: "}", line: line})
		}
	}
	words(len(code))
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
