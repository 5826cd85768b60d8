// Package temporalclient connects the programs to Temporal.
package temporalclient

import (
	"context"
	"fmt"
	"os"
	"time"

	"go.temporal.io/sdk/client"
	"go.temporal.io/sdk/contrib/envconfig"
	"go.temporal.io/sdk/converter"
	"go.temporal.io/sdk/temporal"
	"go.uber.org/zap"

	"github.com/privatereply/privatereply/internal/config"
	"github.com/privatereply/privatereply/internal/temporal/codec"
)

// dialTimeout bounds the first connection, so that a wrong address is an error
// and not a program that hangs.
const dialTimeout = 10 * time.Second

// Options reads TEMPORAL_* and Temporal's profile file, as the Temporal CLI does.
// Role names the program in the Web UI.
func Options(role string, logger *zap.Logger) (client.Options, error) {
	opts, err := envconfig.LoadDefaultClientOptions()
	if err != nil {
		return client.Options{}, fmt.Errorf("TEMPORAL_* settings: %w", err)
	}
	opts.HostPort = orDefault(opts.HostPort, client.DefaultHostPort)
	opts.Namespace = orDefault(opts.Namespace, client.DefaultNamespace)
	host, err := os.Hostname()
	if err != nil {
		host = "unknown"
	}
	opts.Identity = fmt.Sprintf("%s@%s:%d", role, host, os.Getpid())
	opts.Logger = NewLogger(logger)
	if opts.DataConverter == nil {
		opts.DataConverter = converter.GetDefaultDataConverter()
	}
	opts.FailureConverter = temporal.GetDefaultFailureConverter()
	encryption, err := ReadCodec()
	if err != nil {
		return client.Options{}, err
	}
	if encryption != nil {
		encryption.Apply(&opts)
	}
	return opts, nil
}

// ReadCodec is the encryption that the environment asks for, or nil if it asks for none.
func ReadCodec() (*codec.Codec, error) {
	settings, err := config.Read[config.Encryption]()
	if err != nil {
		return nil, err
	}
	keys, err := codec.ParseKeys(string(settings.Keys))
	if err != nil {
		return nil, fmt.Errorf("%sENCRYPTION_KEYS: %w", config.Prefix, err)
	}
	if len(keys) == 0 {
		return nil, nil
	}
	return codec.New(keys)
}

// Dial connects to the server that the environment names.
func Dial(ctx context.Context, role string, logger *zap.Logger) (client.Client, error) {
	opts, err := Options(role, logger)
	if err != nil {
		return nil, err
	}
	return Connect(ctx, opts)
}

// Connect connects to the server that opts, made by Options, name.
func Connect(ctx context.Context, opts client.Options) (client.Client, error) {
	ctx, cancel := context.WithTimeout(ctx, dialTimeout)
	defer cancel()
	c, err := client.DialContext(ctx, opts)
	if err != nil {
		return nil, fmt.Errorf("cannot reach Temporal at %s (namespace %s): %w; is the server running, and is TEMPORAL_ADDRESS right?",
			opts.HostPort, opts.Namespace, err)
	}
	return c, nil
}

func orDefault(s, fallback string) string {
	if s == "" {
		return fallback
	}
	return s
}
