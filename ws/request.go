package ws

import (
	"context"
	"crypto/tls"
	"encoding/binary"
	"net/http"
	"net/url"
	"reflect"
	"strings"
)

// request is what a connection keeps of its handshake's request. An *http.Request with its maps weighs more than
// everything else that an idle connection has, and few ask for it: it is put together when somebody does.
type request struct {
	packed string               // what a packer has written, or the head itself; "" if whole is all there is
	raw    bool                 // packed is the head
	url    *url.URL             // if it is not what the request's target says
	tls    *tls.ConnectionState // of the connection, if the request came over TLS
	whole  *http.Request        // what could not be packed, or was given to NewConn
}

// keepRequest returns what to keep of r, which a server has accepted, so that it is a GET without a body.
func keepRequest(r *http.Request) *request {
	names, ok := wildcards(r)
	if !ok {
		return keepWhole(r)
	}
	k := &request{tls: r.TLS}
	if !plainTarget(r) {
		k.keepURL(r)
	}
	space := getBuffer(1024)
	p := packer{b: space.b[:0]}
	p.strings(r.Proto, r.RequestURI, r.Host, r.RemoteAddr, r.Pattern)
	p.count(len(names))
	for _, name := range names {
		p.strings(name, r.PathValue(name))
	}
	p.count(len(r.Header))
	for name, values := range r.Header {
		p.strings(name)
		p.count(len(values))
		p.strings(values...)
	}
	k.packed = string(p.b)
	putBuffer(space)
	return k
}

// keepWhole keeps r as it is.
//
//go:noinline
func keepWhole(r *http.Request) *request {
	r = r.WithContext(valuesOf(r.Context()))
	r.Body = http.NoBody
	return &request{whole: r}
}

// keepURL keeps the URL of r if its target does not say the same.
func (k *request) keepURL(r *http.Request) {
	if u, err := url.ParseRequestURI(r.RequestURI); err != nil || r.URL != nil && *u != *r.URL {
		k.url = r.URL
	}
}

// plainTarget reports whether the request's target is a plain path, which is all that its URL holds.
func plainTarget(r *http.Request) bool {
	u := r.URL
	return u != nil && u.Scheme == "" && u.Opaque == "" && u.User == nil && u.Host == "" && u.RawPath == "" && !u.OmitHost && !u.ForceQuery &&
		u.RawQuery == "" && u.Fragment == "" && u.RawFragment == "" && u.Path == r.RequestURI && strings.HasPrefix(u.Path, "/") && !strings.HasPrefix(u.Path, "//") &&
		!strings.ContainsAny(u.Path, "%?#")
}

// http returns the request of a connection, put together anew: it is not kept, for it would be most of what an idle connection holds.
func (k *request) http(c *Conn) *http.Request {
	switch {
	case k == nil:
		return nil
	case k.whole != nil:
		return k.whole
	case k.raw:
		return requestOf(context.Background(), k.packed, c.s)
	}
	return k.unpack(k.context(c))
}

// context returns the context of the request of a connection.
func (k *request) context(c *Conn) context.Context {
	switch {
	case c.parent != nil:
		return c.parent
	case k != nil && k.raw:
		return withLocalAddr(context.Background(), c.s)
	}
	return context.Background()
}

func (k *request) unpack(ctx context.Context) *http.Request {
	r := (&http.Request{Method: http.MethodGet, Body: http.NoBody, URL: k.url, TLS: k.tls}).WithContext(ctx)
	u := unpacker{k.packed}
	r.Proto, r.RequestURI, r.Host, r.RemoteAddr, r.Pattern = u.string(), u.string(), u.string(), u.string(), u.string()
	r.ProtoMajor, r.ProtoMinor, _ = http.ParseHTTPVersion(r.Proto)
	if r.URL == nil {
		r.URL, _ = url.ParseRequestURI(r.RequestURI) // it could be parsed when this was packed
	}
	for range u.count() {
		name := u.string()
		r.SetPathValue(name, u.string())
	}
	n := u.count()
	r.Header = make(http.Header, n)
	for range n {
		name := u.string()
		values := make([]string, u.count())
		for i := range values {
			values[i] = u.string()
		}
		r.Header[name] = values
	}
	return r
}

// valuesOf returns a context with the values of ctx and without its end. net/http makes two contexts for each request only to
// end them: they are left out, if the standard library is as it is known to be.
func valuesOf(ctx context.Context) context.Context {
	for endingKnown && reflect.TypeOf(ctx) == endingType {
		inner, ok := reflect.ValueOf(ctx).Elem().FieldByIndex(endingParent.Index).Interface().(context.Context)
		if !ok {
			break
		}
		ctx = inner
	}
	if ctx.Done() == nil {
		return ctx
	}
	return context.WithoutCancel(ctx)
}

// endingType is the type of a context of context.WithCancel, which has its parent's values and no others.
var endingType = func() reflect.Type {
	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()
	return reflect.TypeOf(ctx)
}()

// endingParent is where such a context has its parent.
var endingParent, endingKnown = func() (f reflect.StructField, known bool) {
	if endingType.Kind() != reflect.Pointer || endingType.Elem().Kind() != reflect.Struct {
		return f, false
	}
	f, known = endingType.Elem().FieldByName("Context")
	return f, known && f.IsExported() && f.Anonymous && f.Type == reflect.TypeFor[context.Context]()
}()

// otherValues is where net/http has path values that were set by hand. There is no other way to learn of them.
var otherValues, otherValuesKnown = reflect.TypeFor[http.Request]().FieldByName("otherValues")

// wildcards returns the names of the path values of r: those of its pattern. ok is false if r has anything that
// keepRequest cannot pack, such as path values that were set by hand.
func wildcards(r *http.Request) (names []string, ok bool) {
	if !otherValuesKnown || otherValues.Type.Kind() != reflect.Map || reflect.ValueOf(r).Elem().FieldByIndex(otherValues.Index).Len() > 0 ||
		r.Form != nil || r.PostForm != nil || r.MultipartForm != nil || r.Trailer != nil || r.GetBody != nil || r.Response != nil || r.Close {
		return nil, false
	}
	for rest := r.Pattern; ; {
		_, after, found := strings.Cut(rest, "{")
		if !found {
			return names, true
		}
		name, after, _ := strings.Cut(after, "}")
		if name = strings.TrimSuffix(name, "..."); name != "$" {
			names = append(names, name)
		}
		rest = after
	}
}

// packer writes strings and counts one after the other, each string behind its length.
type packer struct{ b []byte }

func (p *packer) count(n int) { p.b = binary.AppendUvarint(p.b, uint64(n)) }

func (p *packer) strings(list ...string) {
	for _, s := range list {
		p.count(len(s))
		p.b = append(p.b, s...)
	}
}

// unpacker reads what a packer wrote.
type unpacker struct{ s string }

func (u *unpacker) count() int {
	n, shift := 0, 0
	for i := 0; ; i++ {
		c := u.s[i]
		n |= int(c&0x7f) << shift
		if shift += 7; c < 0x80 {
			u.s = u.s[i+1:]
			return n
		}
	}
}

func (u *unpacker) string() (s string) {
	n := u.count()
	s, u.s = u.s[:n], u.s[n:]
	return s
}
