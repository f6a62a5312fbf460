package native

import (
	"net/http"

	"github.com/parley-ws/parley/hub"
	"github.com/parley-ws/parley/ws"
)

// The close codes of the protocol's own. Those from 4400 to 4499 say not to come back as before, but for 4408 and 4429.
const (
	closeBadRequest      ws.Code = 4400
	closeUnauthenticated ws.Code = 4401
	closeForbidden       ws.Code = 4403
	closeTimeout         ws.Code = 4408
	closeLimit           ws.Code = 4409
	closeDisconnected    ws.Code = 4410
	closeRate            ws.Code = 4429
)

// closeCode returns the code of the close frame for the end of a session.
func closeCode(r hub.Reason) ws.Code {
	switch r.Code {
	case hub.BadRequest, hub.NotFound, hub.WrongKind:
		return closeBadRequest
	case hub.Unauthenticated, hub.Expired:
		return closeUnauthenticated
	case hub.Forbidden:
		return closeForbidden
	case hub.Timeout:
		return closeTimeout
	case hub.LimitReached:
		return closeLimit
	case hub.RateLimited:
		return closeRate
	case hub.TooLarge:
		return ws.CodeMessageTooBig
	case hub.Internal, hub.UnknownOutcome:
		return ws.CodeInternalError
	case hub.SlowConsumer, hub.Unavailable:
		return ws.CodeTryAgainLater
	}
	if r.Reconnect { // going away, or disconnected and asked back
		return ws.CodeServiceRestart
	}
	return closeDisconnected
}

// closeWith is transport.WebSocket.CloseWith.
func closeWith(r hub.Reason) (ws.Code, string) {
	return closeCode(r), string(r.Code) + ": " + r.Text
}

// reasonOf is how a session ends because of an error.
func reasonOf(e *hub.Error) hub.Reason {
	return hub.Reason{Code: e.Code, Text: e.Text, Reconnect: e.Retry, After: e.After}
}

// status returns the HTTP status for an error.
func status(c hub.Code) int {
	switch c {
	case hub.BadRequest:
		return http.StatusBadRequest
	case hub.Unauthenticated, hub.Expired:
		return http.StatusUnauthorized
	case hub.Forbidden, hub.Disconnected:
		return http.StatusForbidden
	case hub.NotFound:
		return http.StatusNotFound
	case hub.TooLarge:
		return http.StatusRequestEntityTooLarge
	case hub.RateLimited:
		return http.StatusTooManyRequests
	case hub.LimitReached:
		return http.StatusConflict
	case hub.WrongKind:
		return http.StatusUnsupportedMediaType
	case hub.Timeout:
		return http.StatusGatewayTimeout
	case hub.Internal:
		return http.StatusInternalServerError
	}
	return http.StatusServiceUnavailable
}
