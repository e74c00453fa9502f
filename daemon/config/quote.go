package config

import (
	"errors"
	"strconv"
	"strings"
)

// commandWords reads the words of a `script` statement into a command, as
// keepalived 2.2 does: the statement is split with quotes and escapes taken
// away, and then its first word is split the same way once more, so that
// script "/bin/check 'two words'" has one argument. Where keepalived drops
// further words (script /bin/check one two), they are kept as arguments;
// extra says that there were some.
func commandWords(raw string) (command []string, extra bool, err error) {
	words, err := splitQuoted(raw)
	if err != nil {
		return nil, false, err
	}
	if len(words) < 2 {
		return nil, false, errors.New("names no program")
	}
	command, err = splitQuoted(words[1])
	if err != nil {
		return nil, false, err
	}
	if len(command) == 0 || command[0] == "" {
		return nil, false, errors.New("names no program")
	}
	for _, word := range append(words[2:], command...) {
		if strings.IndexByte(word, 0) >= 0 {
			return nil, false, errors.New("a word holds a zero byte")
		}
	}
	return append(command, words[2:]...), len(words) > 2, nil
}

// splitQuoted splits at blanks, by the rules under "Quoted strings" in
// keepalived.conf(5): both kinds of quotes join what they enclose to the word
// around them, and \ escapes a character inside and outside of them.
func splitQuoted(text string) ([]string, error) {
	var words []string
	var word strings.Builder
	inWord := false
	var quote byte
	for i := 0; i < len(text); i++ {
		c := text[i]
		switch {
		case c == '\\':
			if i+1 == len(text) {
				return nil, errors.New("nothing follows the last backslash")
			}
			value, length := escape(text[i+1:])
			word.WriteByte(value)
			i += length
			inWord = true
		case quote != 0 && c == quote:
			quote = 0
		case quote == 0 && (c == '"' || c == '\''):
			quote = c
			inWord = true
		case quote == 0 && strings.IndexByte(blanks, c) >= 0:
			if inWord {
				words = append(words, word.String())
				word.Reset()
				inWord = false
			}
		default:
			word.WriteByte(c)
			inWord = true
		}
	}
	switch quote {
	case '"':
		return nil, errors.New(`missing closing "`)
	case '\'':
		return nil, errors.New("missing closing ' (between single quotes, # and ! start a comment)")
	}
	if inWord {
		words = append(words, word.String())
	}
	return words, nil
}

// escape reads what follows a backslash (at least one byte): the byte that it
// stands for and how many bytes it takes.
func escape(text string) (value byte, length int) {
	if digits := leading(text, 3, "01234567"); digits > 0 {
		return number(text[:digits], 8), digits
	}
	if text[0] == 'x' {
		if digits := leading(text[1:], 2, "0123456789abcdefABCDEF"); digits > 0 {
			return number(text[1:1+digits], 16), 1 + digits
		}
	}
	if text[0] == 'c' && len(text) > 1 {
		return text[1] & 0x1f, 2
	}
	const letters, controls = "abEfnrtv", "\a\b\x1b\f\n\r\t\v"
	if at := strings.IndexByte(letters, text[0]); at >= 0 {
		return controls[at], 1
	}
	return text[0], 1
}

// leading counts how many bytes at the start of text, at most limit, are of
// the set.
func leading(text string, limit int, set string) int {
	n := 0
	for n < len(text) && n < limit && strings.IndexByte(set, text[n]) >= 0 {
		n++
	}
	return n
}

// number reads digits that were checked. Octal values above 0377 lose their
// ninth bit, as in C.
func number(digits string, base int) byte {
	value, _ := strconv.ParseUint(digits, base, 16)
	return byte(value)
}
