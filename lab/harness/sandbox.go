package harness

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"time"

	"go.uber.org/zap"

	"github.com/privatereply/privatereply/internal/config"
	"github.com/privatereply/privatereply/lab/meta"
)

func (s *Stack) startSandbox(context.Context) (stop func() error, err error) {
	ln, err := net.Listen("tcp", address(s.opts.Ports.Sandbox))
	if err != nil {
		return nil, err
	}
	accounts, err := s.sandboxAccounts()
	if err != nil {
		ln.Close()
		return nil, err
	}
	s.SandboxURL = "http://" + ln.Addr().String()
	s.Sandbox = meta.New(meta.Config{Accounts: accounts, Log: s.log.Named("sandbox")})
	srv := &http.Server{Handler: s.Sandbox, ReadHeaderTimeout: 5 * time.Second, ErrorLog: zap.NewStdLog(s.log)}
	done := make(chan struct{})
	go func() {
		defer close(done)
		if err := srv.Serve(ln); !errors.Is(err, http.ErrServerClosed) {
			s.die("sandbox", err)
		}
	}()
	return func() error {
		s.Sandbox.Close() // ends calls that hang in a fault
		err := srv.Close()
		<-done
		return err
	}, nil
}

// sandboxAccounts are the accounts of the accounts file, with the secrets that
// Meta would share with the product.
func (s *Stack) sandboxAccounts() ([]meta.Account, error) {
	signs, err := s.folder.secret(appSecret)
	if err != nil {
		return nil, err
	}
	var all []meta.Account
	for _, a := range s.Accounts.All() {
		secrets, err := s.Accounts.Secrets(a.Platform, a.ID)
		if err != nil {
			return nil, fmt.Errorf("%w; `starter dev` writes %s anew when it is missing", err, s.folder.path(config.DevAccountsFile))
		}
		if secrets.AppSecret == "" {
			secrets.AppSecret = signs
		}
		all = append(all, meta.Account{
			Platform: a.Platform, ID: a.ID, Name: a.Name, Login: a.Login, PageID: a.PageID,
			Token: secrets.Token, AppSecret: secrets.AppSecret, HumanAgent: a.HumanAgent,
		})
	}
	return all, nil
}
