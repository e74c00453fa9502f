// Package topology describes hosts, segments and the links between them.
//
// A Spec is data: what is to be built, valid or not, with no namespace or
// device behind it. Package topology/lab builds one in a sandbox.
//
// It imports the standard library only, and nothing of ours.
package topology
