#include "grpc.h"

#include <nghttp2/nghttp2.h>
#include <stdio.h>
#include <string.h>

enum {
	PREFIX = 5, /* before a message: whether it is compressed, and its length */
	STREAMS = 1024,
	STREAM_WINDOW = 1 << 20,
	CONNECTION_WINDOW = 4 << 20,
	PATH_BYTES = 256,
	/* Of all requests of a connection that are not whole yet. */
	UNFINISHED_MAX = 512 << 20,
};

struct stream {
	struct stream *next;
	int32_t id;
	char path[PATH_BYTES];
	bool is_post, is_grpc, is_held;
	bool is_over;   /* the request is, or does not matter any more */
	bool has_ended; /* the client sends nothing more */
	uint8_t prefix[PREFIX];
	size_t prefix_len, want;
	struct buf body;
	struct buf reply;
	uint8_t reply_prefix[PREFIX];
	size_t sent; /* of the reply with its prefix */
};

struct grpc {
	struct grpc_options o;
	nghttp2_session *session;
	struct stream *streams;
	size_t unfinished;
};

/* nghttp2 only reads it. */
static uint8_t *bytes(const char *s)
{
	const union {
		const char *in;
		uint8_t *out;
	} u = { s };

	return u.out;
}

static nghttp2_nv header(const char *name, const char *value)
{
	return (nghttp2_nv){
		.name = bytes(name),
		.namelen = strlen(name),
		.value = bytes(value),
		.valuelen = strlen(value),
	};
}

/* ---- answers ---- */

/* NULL: it is closed. */
static struct stream *stream_of(struct grpc *g, int32_t id)
{
	return nghttp2_session_get_stream_user_data(g->session, id);
}

/* What is submitted can fail only for streams that are gone, or out of memory: both end there. */
static void refuse(struct grpc *g, struct stream *s, const char *http, enum grpc_status status,
		   const char *words)
{
	AUTO_BUF text = BUF_INIT;
	char code[12];

	(void)snprintf(code, sizeof(code), "%d", (int)status);
	buf_addurl(&text, words);
	const nghttp2_nv nv[] = {
		header(":status", http),
		header("content-type", "application/grpc"),
		header("grpc-status", code),
		header("grpc-message", text.s),
	};
	s->is_over = true;
	(void)nghttp2_submit_response(g->session, s->id, nv, COUNT(nv), NULL);
}

void grpc_refuse(struct grpc *g, int32_t id, enum grpc_status status, const char *words)
{
	struct stream *s = stream_of(g, id);

	if (s)
		refuse(g, s, "200", status, words);
}

static ssize_t read_reply(nghttp2_session *session, int32_t id, uint8_t *out, size_t len,
			  uint32_t *flags, nghttp2_data_source *source, void *arg)
{
	const nghttp2_nv trailer = header("grpc-status", "0");
	struct stream *s = source->ptr;
	size_t n = 0;

	(void)arg;
	if (s->is_held)
		return NGHTTP2_ERR_DEFERRED;
	while (n < len && s->sent < PREFIX)
		out[n++] = s->reply_prefix[s->sent++];
	if (n < len) {
		const size_t at = s->sent - PREFIX;
		const size_t left = s->reply.len - at;
		const size_t more = left < len - n ? left : len - n;

		memcpy(out + n, s->reply.s + at, more);
		s->sent += more;
		n += more;
	}
	if (s->sent == s->reply.len + PREFIX) {
		*flags |= NGHTTP2_DATA_FLAG_EOF | NGHTTP2_DATA_FLAG_NO_END_STREAM;
		(void)nghttp2_submit_trailer(session, id, &trailer, 1);
	}
	return (ssize_t)n;
}

static void respond(struct grpc *g, struct stream *s)
{
	const nghttp2_nv nv[] = {
		header(":status", "200"),
		header("content-type", "application/grpc"),
	};
	nghttp2_data_provider data = { .source.ptr = s, .read_callback = read_reply };

	(void)nghttp2_submit_response(g->session, s->id, nv, COUNT(nv), &data);
}

void grpc_answer(struct grpc *g, int32_t id, struct buf *reply)
{
	struct stream *s = stream_of(g, id);

	if (!s)
		return;
	if (reply->len > g->o.message_max) {
		AUTO_STR words = xasprintf("the reply has %zu bytes, and may have %zu", reply->len,
					   g->o.message_max);
		refuse(g, s, "200", GRPC_RESOURCE_EXHAUSTED, words);
		return;
	}
	for (size_t i = 1; i < PREFIX; i++)
		s->reply_prefix[i] = (uint8_t)(reply->len >> 8 * (PREFIX - 1 - i));
	s->reply = *reply;
	*reply = (struct buf)BUF_INIT;
	respond(g, s);
}

/* ---- requests ---- */

static void settle(struct grpc *g, struct stream *s)
{
	g->unfinished -= s->body.len;
	buf_wipe(&s->body);
	buf_release(&s->body);
}

static void fail(struct grpc *g, struct stream *s, enum grpc_status status, const char *words)
{
	settle(g, s);
	refuse(g, s, "200", status, words);
}

static void check_prefix(struct grpc *g, struct stream *s)
{
	for (size_t i = 1; i < PREFIX; i++)
		s->want = s->want << 8 | s->prefix[i];
	if (s->prefix[0]) {
		fail(g, s, GRPC_UNIMPLEMENTED, "the request is compressed, and none may be");
	} else if (s->want > g->o.message_max) {
		AUTO_STR words = xasprintf("the request has %zu bytes, and may have %zu", s->want,
					   g->o.message_max);
		fail(g, s, GRPC_RESOURCE_EXHAUSTED, words);
	}
}

static int on_data(nghttp2_session *session, uint8_t flags, int32_t id, const uint8_t *data,
		   size_t len, void *arg)
{
	struct grpc *g = arg;
	struct stream *s = stream_of(g, id);

	(void)session;
	(void)flags;
	if (!s || s->is_over)
		return 0;
	for (; len && s->prefix_len < PREFIX; len--) {
		s->prefix[s->prefix_len++] = *data++;
		if (s->prefix_len == PREFIX)
			check_prefix(g, s);
	}
	if (s->is_over || !len)
		return 0;
	if (len > s->want - s->body.len) {
		fail(g, s, GRPC_INTERNAL, "more than one message in a call that takes one");
	} else if (g->unfinished + len > UNFINISHED_MAX) {
		fail(g, s, GRPC_RESOURCE_EXHAUSTED, "too many large requests at once");
	} else {
		(void)buf_add(&s->body, (const char *)data, len);
		g->unfinished += len;
	}
	return 0;
}

/* All of the request is here. */
static void finish(struct grpc *g, struct stream *s)
{
	if (s->prefix_len < PREFIX || s->body.len < s->want) {
		fail(g, s, GRPC_INTERNAL, "the request ended before its message did");
		return;
	}
	s->is_over = true;
	g->unfinished -= s->body.len;
	g->o.request(g->o.arg, s->id, s->path, &s->body);
	buf_wipe(&s->body);
	buf_release(&s->body);
}

/* The headers are all there. A stream that is held may never end its request: it is answered now. */
static void begin(struct grpc *g, struct stream *s)
{
	for (const char *const *h = g->o.held; h && *h; h++)
		s->is_held |= strcmp(*h, s->path) == 0;
	if (!s->is_post) {
		refuse(g, s, "405", GRPC_INTERNAL, "gRPC calls are POST");
	} else if (!s->is_grpc) {
		refuse(g, s, "415", GRPC_INVALID_ARGUMENT, "the content type is not gRPC's");
	} else if (s->is_held) {
		s->is_over = true;
		respond(g, s);
	}
}

static int on_begin_headers(nghttp2_session *session, const nghttp2_frame *frame, void *arg)
{
	struct grpc *g = arg;
	struct stream *s;

	if (frame->hd.type != NGHTTP2_HEADERS || frame->headers.cat != NGHTTP2_HCAT_REQUEST)
		return 0;
	s = xcalloc(1, sizeof(*s));
	s->id = frame->hd.stream_id;
	s->body = s->reply = (struct buf)BUF_INIT;
	s->next = g->streams;
	g->streams = s;
	(void)nghttp2_session_set_stream_user_data(session, s->id, s);
	return 0;
}

static bool is_grpc_type(const char *value)
{
	const size_t len = strlen("application/grpc");

	return strncmp(value, "application/grpc", len) == 0 && strchr("+;", value[len]);
}

/* nghttp2 ends the values with a zero, and takes no zero in them. */
/* NOLINTNEXTLINE(readability-function-size): the type is nghttp2's */
static int on_header(nghttp2_session *session, const nghttp2_frame *frame, const uint8_t *name,
		     size_t name_len, const uint8_t *value, size_t len, uint8_t flags, void *arg)
{
	struct stream *s = stream_of(arg, frame->hd.stream_id);
	const char *n = (const char *)name;
	const char *v = (const char *)value;

	(void)session;
	(void)name_len;
	(void)flags;
	if (!s || frame->headers.cat != NGHTTP2_HCAT_REQUEST)
		return 0;
	/* A path that does not fit is none of ours: what is left of it is unknown too. */
	if (strcmp(n, ":path") == 0)
		(void)snprintf(s->path, sizeof(s->path), "%s", len < PATH_BYTES ? v : "");
	else if (strcmp(n, ":method") == 0)
		s->is_post = strcmp(v, "POST") == 0;
	else if (strcmp(n, "content-type") == 0)
		s->is_grpc = is_grpc_type(v);
	return 0;
}

static int on_frame(nghttp2_session *session, const nghttp2_frame *frame, void *arg)
{
	struct grpc *g = arg;
	const bool is_headers = frame->hd.type == NGHTTP2_HEADERS;
	struct stream *s;

	(void)session;
	if (!is_headers && frame->hd.type != NGHTTP2_DATA)
		return 0;
	s = stream_of(g, frame->hd.stream_id);
	if (!s)
		return 0;
	s->has_ended = frame->hd.flags & NGHTTP2_FLAG_END_STREAM;
	if (is_headers && frame->headers.cat == NGHTTP2_HCAT_REQUEST)
		begin(g, s);
	if (s->has_ended && !s->is_over)
		finish(g, s);
	return 0;
}

/* A client whose request is refused halfway would go on sending what nobody reads. */
static int on_sent(nghttp2_session *session, const nghttp2_frame *frame, void *arg)
{
	const struct stream *s;

	if (frame->hd.type != NGHTTP2_HEADERS || !(frame->hd.flags & NGHTTP2_FLAG_END_STREAM))
		return 0;
	s = stream_of(arg, frame->hd.stream_id);
	if (s && !s->has_ended)
		(void)nghttp2_submit_rst_stream(session, NGHTTP2_FLAG_NONE, s->id,
						NGHTTP2_NO_ERROR);
	return 0;
}

static void stream_free(struct grpc *g, struct stream *s)
{
	if (!s->is_over)
		settle(g, s);
	buf_wipe(&s->reply);
	buf_release(&s->reply);
	free(s);
}

static int on_close(nghttp2_session *session, int32_t id, uint32_t code, void *arg)
{
	struct grpc *g = arg;
	struct stream **at = &g->streams;

	(void)code;
	/* It may keep the stream's place in the tree of priorities, with what hangs on it. */
	(void)nghttp2_session_set_stream_user_data(session, id, NULL);
	while (*at && (*at)->id != id)
		at = &(*at)->next;
	if (*at) {
		struct stream *s = *at;

		*at = s->next;
		stream_free(g, s);
	}
	return 0;
}

/* ---- the session ---- */

static nghttp2_session *session_new(struct grpc *g)
{
	nghttp2_session_callbacks *c = NULL;
	nghttp2_session *session = NULL;

	if (nghttp2_session_callbacks_new(&c) != 0)
		return NULL;
	nghttp2_session_callbacks_set_on_begin_headers_callback(c, on_begin_headers);
	nghttp2_session_callbacks_set_on_header_callback(c, on_header);
	nghttp2_session_callbacks_set_on_data_chunk_recv_callback(c, on_data);
	nghttp2_session_callbacks_set_on_frame_recv_callback(c, on_frame);
	nghttp2_session_callbacks_set_on_frame_send_callback(c, on_sent);
	nghttp2_session_callbacks_set_on_stream_close_callback(c, on_close);
	(void)nghttp2_session_server_new(&session, c, g);
	nghttp2_session_callbacks_del(c);
	return session;
}

struct grpc *grpc_new(const struct grpc_options *o)
{
	static const nghttp2_settings_entry settings[] = {
		{ NGHTTP2_SETTINGS_MAX_CONCURRENT_STREAMS, STREAMS },
		{ NGHTTP2_SETTINGS_INITIAL_WINDOW_SIZE, STREAM_WINDOW },
	};
	struct grpc *g = xcalloc(1, sizeof(*g));

	g->o = *o;
	g->session = session_new(g);
	if (!g->session)
		abort(); /* only out of memory */
	(void)nghttp2_submit_settings(g->session, NGHTTP2_FLAG_NONE, settings, COUNT(settings));
	(void)nghttp2_session_set_local_window_size(g->session, NGHTTP2_FLAG_NONE, 0,
						    CONNECTION_WINDOW);
	return g;
}

void grpc_free(struct grpc *g)
{
	if (!g)
		return;
	/* It does not tell of the streams it takes along. */
	nghttp2_session_del(g->session);
	while (g->streams) {
		struct stream *s = g->streams;

		g->streams = s->next;
		stream_free(g, s);
	}
	free(g);
}

bool grpc_receive(struct grpc *g, const uint8_t *data, size_t len)
{
	return nghttp2_session_mem_recv(g->session, data, len) == (ssize_t)len;
}

bool grpc_send(struct grpc *g, struct buf *out, size_t enough)
{
	while (out->len < enough) {
		const uint8_t *data;
		const ssize_t n = nghttp2_session_mem_send(g->session, &data);

		if (n < 0)
			return false;
		if (n == 0)
			break;
		(void)buf_add(out, (const char *)data, (size_t)n);
	}
	return true;
}

bool grpc_has_output(const struct grpc *g)
{
	return nghttp2_session_want_write(g->session);
}

bool grpc_is_over(const struct grpc *g)
{
	return !nghttp2_session_want_write(g->session) && !nghttp2_session_want_read(g->session);
}
