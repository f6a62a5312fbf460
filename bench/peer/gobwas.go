package main

import (
	"compress/flate"
	"io"
	"net"
	"net/http"

	"github.com/gobwas/ws"
	"github.com/gobwas/ws/wsflate"
	"github.com/gobwas/ws/wsutil"
)

// serveGobwas echoes with wsutil, as the library's Autobahn example does.
func serveGobwas(l net.Listener, m mode) error {
	return serveHTTP(l, func(w http.ResponseWriter, r *http.Request) {
		if m == off {
			if conn, _, _, err := ws.UpgradeHTTP(r, w); err == nil {
				defer conn.Close()
				echoGobwas(conn, nil)
			}
			return
		}
		e := wsflate.Extension{Parameters: wsflate.Parameters{ServerNoContextTakeover: true, ClientNoContextTakeover: true}}
		u := ws.HTTPUpgrader{Negotiate: e.Negotiate}
		conn, _, _, err := u.Upgrade(r, w)
		if err != nil {
			return
		}
		defer conn.Close()
		if _, ok := e.Accepted(); ok {
			echoGobwas(conn, new(wsflate.MessageState))
		} else {
			echoGobwas(conn, nil)
		}
	})
}

// echoGobwas echoes, with state for compressed messages if that was agreed on.
func echoGobwas(conn net.Conn, compressed *wsflate.MessageState) error {
	state := ws.StateServerSide
	control := wsutil.ControlFrameHandler(conn, state)
	rd := wsutil.Reader{Source: conn, State: state, CheckUTF8: true, OnIntermediate: control}
	wr := wsutil.NewWriter(conn, state, 0)
	if compressed != nil { // the library cannot check compressed text
		rd.State, rd.CheckUTF8 = state|ws.StateExtended, false
		rd.Extensions = []wsutil.RecvExtension{compressed}
		wr = wsutil.NewWriter(conn, rd.State, 0)
		wr.SetExtensions(compressed)
	}
	deflate := wsflate.NewWriter(nil, func(w io.Writer) wsflate.Compressor {
		f, _ := flate.NewWriter(w, flate.BestSpeed) // the level is one that exists
		return f
	})
	inflate := wsflate.NewReader(nil, func(r io.Reader) wsflate.Decompressor { return flate.NewReader(r) })
	for {
		h, err := rd.NextFrame()
		if err != nil {
			return err
		}
		if h.OpCode.IsControl() {
			if err := control(h, &rd); err != nil {
				return err
			}
			continue
		}
		wr.ResetOp(h.OpCode)
		var src io.Reader = &rd
		var dst io.Writer = wr
		packed := compressed != nil && compressed.IsCompressed()
		if packed {
			inflate.Reset(src)
			deflate.Reset(dst)
			src, dst = inflate, deflate
		}
		if _, err := io.Copy(dst, src); err != nil {
			return err
		}
		if packed {
			if err := deflate.Close(); err != nil {
				return err
			}
		}
		if err := wr.Flush(); err != nil {
			return err
		}
	}
}
