module github.com/privatereply/privatereply

go 1.26.0
