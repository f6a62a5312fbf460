// Package auth lets clients in by JSON Web Tokens (RFC 7519), and lets them do what their token names.
//
//	tokens, err := auth.New(auth.Options{Issuers: []auth.Issuer{{Secrets: [][]byte{secret}}}})
//	if err != nil {
//		return err
//	}
//	defer tokens.Close()
//	h, err := hub.New(hub.Options{Authoriser: tokens})
//
// # Signatures
//
// HS256, HS384 and HS512 are checked with secrets; RS256, ES256 and EdDSA with public keys, given as PEM or fetched as a JSON Web
// Key Set. A secret is never used for one of the latter, nor a public key for one of the former, and a token without a
// signature is never valid. Each issuer has keys of its own: a key's name (kid) means nothing beyond the issuer that the token
// names. What a token says about where its keys are is never followed.
//
// # Claims
//
//   - iss, aud, exp and nbf are checked as RFC 7519 says. A token without exp does not expire, unless Options.RequireExpiry.
//   - sub is the user, a string. A token without it is somebody unknown.
//   - parley is an object that says what the session may do. All of its members may be left out:
//
// For example:
//
//	{
//	  "sub": "ann",
//	  "exp": 1893456000,
//	  "parley": {
//	    "subscribe": ["news", "chat/**"],
//	    "publish": ["chat/lobby"],
//	    "presence": ["chat/*"],
//	    "call": ["weather", "game.*"],
//	    "subscriptions": ["news"],
//	    "producer": "shop",
//	    "rate": 10, "burst": 20,
//	    "data": {"theme": "dark"}
//	  }
//	}
//
// subscribe, publish and presence hold patterns of topics: a name, a/* for one level, a/** for all below, * or **. To read
// history takes subscribe. call holds names of methods; one that ends in a star is all that begin with what comes before.
// subscriptions are what the session is subscribed to without asking. producer is whose message ids the session's are,
// if not the user's. rate and burst are the session's own limit of commands: so many a second, so many at once. data is any
// JSON, given to the client when it has connected. A member with another name, or a pattern that is none, makes the token invalid,
// so that a slip of the pen is found at once.
//
// What a topic's rule leaves to the Authoriser is allowed if the token names it, and only then: a token without the claim parley, and
// a client without a token, may do nothing of that.
//
// # Errors
//
// An expired token is told from an invalid one, and no more: all invalid ones get the same text. The cause is in the error's Err, for
// the log. No error holds the token.
//
// The package knows no wire format: a dialect finds the token, and the hub closes sessions whose token has expired.
package auth
