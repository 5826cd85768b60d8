package graph

const Unlisted Class = "unlisted"
