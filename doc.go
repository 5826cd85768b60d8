// Package privatereply holds the rules of answering comments in private on
// Instagram and Facebook: what a comment is, until when it may be answered, how
// long the conversation stays open, what may be written, and how the life of a
// reply can end.
//
// The package is pure. It knows neither Temporal nor HTTP nor files, takes the
// time as an argument, and may therefore be used from workflow code.
package privatereply
