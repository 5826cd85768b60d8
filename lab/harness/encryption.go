package harness

import (
	"errors"
	"fmt"
	"io/fs"

	"github.com/privatereply/privatereply/internal/config"
	"github.com/privatereply/privatereply/internal/temporal/codec"
)

// openKeys reads the keys with which Temporal's payloads are encrypted: those of the
// environment, else the folder's own. A folder that has keys stays encrypted: without
// them nobody could go on with what runs in it.
func (s *Stack) openKeys() error {
	settings, err := config.Read[config.Encryption]()
	if err != nil {
		return err
	}
	from := variable("ENCRYPTION_KEYS")
	if s.keys = string(settings.Keys); s.keys == "" {
		from = s.folder.path(secretsFolder, encryptionKeys)
		if s.keys, err = s.folder.encryptionKeys(s.opts.Encrypt); err != nil {
			return err
		}
	}
	keys, err := codec.ParseKeys(s.keys)
	if err != nil {
		return fmt.Errorf("%s: %w", from, err)
	}
	if len(keys) > 0 {
		s.codec, err = codec.New(keys)
	}
	return err
}

// encryptionKeys reads the folder's keys, and makes one first where it should and none is.
func (f folder) encryptionKeys(generate bool) (string, error) {
	if generate {
		if err := writeOnce(f.path(secretsFolder, encryptionKeys), "dev:"+codec.NewSecret()+"\n", 0o600); err != nil {
			return "", err
		}
	}
	keys, err := f.secret(encryptionKeys)
	if errors.Is(err, fs.ErrNotExist) {
		return "", nil
	}
	return keys, err
}
