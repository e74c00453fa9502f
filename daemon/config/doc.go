// Package config turns the text of a keepalived.conf into a validated Config.
//
// It works in two stages that can grow apart from each other: text to syntax
// tree (blocks, keywords, words, each with its file and line, comments kept),
// and tree to Config through one table of keywords a block. Every message
// carries file:line, all of a file's errors are reported and not the first
// only, and no keyword is ever silently ignored.
//
// global_defs holds for the whole file, wherever it stands: an Instance has
// what it says already. So has a member of a sync group what the group tracks.
//
// What vipd has beyond keepalived may be written as a keyword, or behind
// "#vipd:" in a comment, which keepalived skips; docs/configuration.md lists
// all keywords.
//
// It may import the standard library only. It reads files that it is given
// and touches nothing else.
package config
