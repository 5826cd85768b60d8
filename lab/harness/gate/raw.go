package gate

import (
	"fmt"

	"google.golang.org/grpc/mem"
)

// message is the bytes of a request or an answer.
type message []byte

// raw leaves messages as they are. It goes by the name of what is in them, which
// gRPC tells the other side.
type raw struct{}

func (raw) Name() string { return "proto" }

func (raw) Marshal(v any) (mem.BufferSlice, error) {
	m, ok := v.(*message)
	if !ok {
		return nil, fmt.Errorf("%T is no message of a gate", v)
	}
	return mem.BufferSlice{mem.SliceBuffer(*m)}, nil
}

func (raw) Unmarshal(data mem.BufferSlice, v any) error {
	m, ok := v.(*message)
	if !ok {
		return fmt.Errorf("%T is no message of a gate", v)
	}
	*m = data.Materialize()
	return nil
}
