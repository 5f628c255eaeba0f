package csi

import (
	"context"

	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protoreflect"
)

// The spec's size limits. Paths have the kernel's, without the final NUL.
const (
	mostString = 128
	mostNodeID = 256
	mostPath   = 4095
	mostMap    = 4 << 10
	mostList   = 4 << 10
)

// mostOf returns the limit of a string field.
func mostOf(field protoreflect.FieldDescriptor) int {
	switch field.Name() {
	case "staging_target_path", "target_path", "volume_path", "volume_publish_path":
		return mostPath
	case "node_id":
		return mostNodeID
	default:
		return mostString
	}
}

// limited refuses a request with a field that is longer than the spec allows.
func limited(ctx context.Context, req any, _ called, handle handler) (any, error) {
	if m, ok := req.(proto.Message); ok {
		if err := within("", m.ProtoReflect()); err != nil {
			return nil, err
		}
	}
	return handle(ctx, req)
}

// within checks the fields of m and of the messages in it; path names m in the
// request.
func within(path string, m protoreflect.Message) error {
	var err error
	m.Range(func(field protoreflect.FieldDescriptor, value protoreflect.Value) bool {
		err = fieldWithin(path+string(field.Name()), field, value)
		return err == nil
	})
	return err
}

func fieldWithin(name string, field protoreflect.FieldDescriptor, value protoreflect.Value) error {
	switch {
	case field.IsMap():
		return atMost(name, mapBytes(value.Map()), mostMap)
	case field.IsList() && field.Kind() == protoreflect.StringKind:
		return atMost(name, listBytes(value.List()), mostList)
	case field.IsList() && field.Kind() == protoreflect.MessageKind:
		for i := range value.List().Len() {
			if err := within(name+".", value.List().Get(i).Message()); err != nil {
				return err
			}
		}
		return nil
	case field.Kind() == protoreflect.MessageKind:
		return within(name+".", value.Message())
	case field.Kind() == protoreflect.StringKind:
		return atMost(name, len(value.String()), mostOf(field))
	default:
		return nil
	}
}

func atMost(name string, length, most int) error {
	if length <= most {
		return nil
	}
	return invalid("%s has %d bytes, at most %d are allowed", name, length, most)
}

func mapBytes(m protoreflect.Map) (sum int) {
	m.Range(func(key protoreflect.MapKey, value protoreflect.Value) bool {
		sum += len(key.String()) + len(value.String())
		return true
	})
	return sum
}

func listBytes(l protoreflect.List) (sum int) {
	for i := range l.Len() {
		sum += len(l.Get(i).String())
	}
	return sum
}
