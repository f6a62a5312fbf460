package mutant

// Faults in how a server reads and answers the request: RFC 6455 §4.2.
const (
	anyHTTPVersion       Fault = "any-http-version"
	anyMethod            Fault = "any-method"
	noUpgradeNeeded      Fault = "accepts-missing-upgrade"
	noConnectionNeeded   Fault = "accepts-missing-connection"
	firstTokenOnly       Fault = "first-connection-token-only"
	caseSensitiveTokens  Fault = "case-sensitive-tokens"
	matchesSubstrings    Fault = "matches-substrings"
	anyKeyLength         Fault = "any-key-length"
	noKeyNeeded          Fault = "accepts-missing-key"
	acceptsRepeatedKey   Fault = "accepts-repeated-key"
	anyVersion           Fault = "any-version"
	version400           Fault = "version-400"
	noHostNeeded         Fault = "accepts-missing-host"
	acceptsRepeatedHost  Fault = "accepts-repeated-host"
	anyHost              Fault = "accepts-malformed-host"
	wrongAccept          Fault = "wrong-accept"
	unofferedSubprotocol Fault = "selects-unoffered-subprotocol"
	allSubprotocols      Fault = "repeats-all-subprotocols"
	anySubprotocol       Fault = "accepts-malformed-subprotocols"
	repeatedSubprotocols Fault = "accepts-repeated-subprotocols"
	reflectsSubprotocol  Fault = "reflects-subprotocol"
	reflectsPath         Fault = "reflects-path"
	reflectsExtension    Fault = "reflects-extension"
	losesPipelined       Fault = "loses-pipelined-bytes"
	anyExtensionGrammar  Fault = "accepts-malformed-extensions"
	answersUnknown       Fault = "answers-unknown-extensions"
	noHeaderLimit        Fault = "no-header-limit"
	noRequestTimeout     Fault = "no-request-timeout"
	answersWith200       Fault = "answers-with-200"
	omitsUpgrade         Fault = "omits-upgrade"
	omitsConnection      Fault = "omits-connection"
	acceptsBadFieldNames Fault = "accepts-malformed-fields"
)

var requestFaults = []description{
	{anyHTTPVersion, RoleServer, "It takes requests of HTTP/1.0, and of anything that calls itself HTTP."},
	{anyMethod, RoleServer, "It takes any method."},
	{noUpgradeNeeded, "", "It does not look for Upgrade."},
	{noConnectionNeeded, "", "It does not look for Connection."},
	{firstTokenOnly, RoleServer, "It looks at the first token of Connection only."},
	{caseSensitiveTokens, "", "It compares the tokens of Upgrade and Connection with regard to case."},
	{matchesSubstrings, "", "It takes tokens that contain the right ones."},
	{anyKeyLength, RoleServer, "It takes any text for a key."},
	{noKeyNeeded, RoleServer, "It takes requests without a key."},
	{acceptsRepeatedKey, RoleServer, "It takes requests with two keys."},
	{anyVersion, RoleServer, "It takes any version."},
	{version400, RoleServer, "It refuses other versions with 400, and does not tell which it knows."},
	{noHostNeeded, RoleServer, "It takes requests without Host."},
	{acceptsRepeatedHost, RoleServer, "It takes requests with two Hosts."},
	{anyHost, RoleServer, "It takes any text for a Host."},
	{wrongAccept, RoleServer, "Its Sec-WebSocket-Accept is the hash of the key alone."},
	{unofferedSubprotocol, RoleServer, "It selects a subprotocol that nobody offered."},
	{allSubprotocols, RoleServer, "It answers with all subprotocols that were offered."},
	{anySubprotocol, RoleServer, "It takes subprotocols that are not tokens."},
	{repeatedSubprotocols, RoleServer, "It takes subprotocols that are offered twice."},
	{reflectsSubprotocol, RoleServer, "It answers with the first subprotocol as it came, with all its bytes."},
	{reflectsPath, RoleServer, "It answers with the path in a header, its escapes decoded."},
	{reflectsExtension, RoleServer, "It answers with the parameters of the first extension, their quotes and escapes decoded."},
	{losesPipelined, "", "It loses what came together with the other side's part of the handshake."},
	{anyExtensionGrammar, "", "It skips extensions that it cannot parse."},
	{answersUnknown, RoleServer, "It accepts extensions that it does not know."},
	{noHeaderLimit, RoleServer, "It has no limit on the size of a request."},
	{noRequestTimeout, RoleServer, "It waits for the end of a request for ever."},
	{answersWith200, RoleServer, "It answers with the status 200."},
	{omitsUpgrade, RoleServer, "It answers without Upgrade."},
	{omitsConnection, RoleServer, "It answers without Connection."},
	{acceptsBadFieldNames, RoleServer, "It skips lines of a request that are not header fields."},
}

// Faults in what a client sends and takes: RFC 6455 §4.1.
const (
	noAcceptNeeded       Fault = "accepts-missing-accept"
	anyAccept            Fault = "any-accept"
	accepts200           Fault = "accepts-200"
	unaskedSubprotocol   Fault = "accepts-unasked-subprotocol"
	unaskedExtension     Fault = "accepts-unasked-extension"
	repeatedDeflate      Fault = "accepts-extension-twice"
	reusesKey            Fault = "reuses-key"
	shortKey             Fault = "short-key"
	omitsVersion         Fault = "omits-version"
	asksVersion8         Fault = "asks-for-version-8"
	omitsHost            Fault = "omits-host"
	asksWithHTTP10       Fault = "asks-with-http-1.0"
	asksWithoutUpgrade   Fault = "asks-without-upgrade"
	asksWithoutConn      Fault = "asks-without-connection"
	acceptsAnswerHTTP10  Fault = "accepts-answer-http-1.0"
	acceptsUnaskedBits   Fault = "accepts-unoffered-client-bits"
	asksTwice            Fault = "sends-key-twice"
	sendsFragmentOfURL   Fault = "sends-fragment-of-url"
	talksBeforeHandshake Fault = "talks-before-the-answer"
)

var responseFaults = []description{
	{noAcceptNeeded, RoleClient, "It takes answers without Sec-WebSocket-Accept."},
	{anyAccept, RoleClient, "It does not compare Sec-WebSocket-Accept."},
	{accepts200, RoleClient, "It takes any status."},
	{unaskedSubprotocol, RoleClient, "It takes a subprotocol that it has not asked for."},
	{unaskedExtension, RoleClient, "It takes extensions that it has not offered."},
	{repeatedDeflate, RoleClient, "It takes permessage-deflate when it is answered twice."},
	{reusesKey, RoleClient, "It sends the same key in every handshake."},
	{shortKey, RoleClient, "It sends a key of 15 bytes."},
	{omitsVersion, RoleClient, "It sends no Sec-WebSocket-Version."},
	{asksVersion8, RoleClient, "It asks for version 8."},
	{omitsHost, RoleClient, "It sends no Host."},
	{asksWithHTTP10, RoleClient, "It sends a request of HTTP/1.0."},
	{asksWithoutUpgrade, RoleClient, "It sends no Upgrade."},
	{asksWithoutConn, RoleClient, "It sends no Connection."},
	{acceptsAnswerHTTP10, RoleClient, "It takes answers of HTTP/1.0."},
	{acceptsUnaskedBits, RoleClient, "It takes client_max_window_bits, which it has not offered."},
	{asksTwice, RoleClient, "It sends its key twice."},
	{sendsFragmentOfURL, RoleClient, "It sends a fragment as a part of the path."},
	{talksBeforeHandshake, RoleClient, "It sends a message before it has the answer to its handshake."},
}
