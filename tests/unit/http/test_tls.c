/* The server's own TLS, with a certificate made for the test: an answer over it, and noise that does no harm. */
#include "test.h"

#include <openssl/pem.h>
#include <openssl/ssl.h>
#include <openssl/x509.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/log.h"
#include "raw_client.h"
#include "test_server.h"

static char *cert_pem, *key_pem;

static char *text_of(BIO *bio)
{
	char *data = NULL;
	const long len = BIO_get_mem_data(bio, &data);
	char *text = strndup(data, (size_t)len);
	BIO_free(bio);
	return text;
}

static int make_certificate(void **state)
{
	(void)state;
	EVP_PKEY *key = EVP_EC_gen("P-256");
	X509 *cert = X509_new();
	X509_NAME *name = X509_get_subject_name(cert);
	X509_set_version(cert, 2);
	ASN1_INTEGER_set(X509_get_serialNumber(cert), 1);
	X509_gmtime_adj(X509_getm_notBefore(cert), -3600);
	X509_gmtime_adj(X509_getm_notAfter(cert), 3600);
	X509_NAME_add_entry_by_txt(name, "CN", MBSTRING_ASC, (const unsigned char *)"a.test", -1, -1, 0);
	X509_set_issuer_name(cert, name);
	X509_set_pubkey(cert, key);
	X509_sign(cert, key, EVP_sha256());
	BIO *c = BIO_new(BIO_s_mem()), *k = BIO_new(BIO_s_mem());
	PEM_write_bio_X509(c, cert);
	PEM_write_bio_PrivateKey(k, key, NULL, NULL, 0, NULL, NULL);
	cert_pem = text_of(c);
	key_pem = text_of(k);
	X509_free(cert);
	EVP_PKEY_free(key);
	return 0;
}

static int forget_certificate(void **state)
{
	(void)state;
	free(cert_pem);
	free(key_pem);
	return 0;
}

static void with_tls(struct http_options *o)
{
	o->tls_cert_pem = cert_pem;
	o->tls_key_pem = key_pem;
}

static void answers_over_tls(void **state)
{
	(void)state;
	struct test_server *t = test_server_start(with_tls);
	int noise = raw_connect(t->address);
	raw_text(noise, "GET /p HTTP/1.1\r\nHost: a.test\r\n\r\n"); /* no handshake */
	while (!raw_ended(noise))
		; /* an alert may come first */
	close(noise);

	SSL_CTX *ctx = SSL_CTX_new(TLS_client_method());
	for (int version = TLS1_1_VERSION; version <= TLS1_3_VERSION; version++) {
		int fd = raw_connect(t->address);
		SSL *ssl = SSL_new(ctx);
		SSL_set_security_level(ssl, 0);
		SSL_set_min_proto_version(ssl, version);
		SSL_set_max_proto_version(ssl, version);
		SSL_set_fd(ssl, fd);
		const bool shaken = SSL_connect(ssl) == 1;
		assert_int_equal(shaken, version >= TLS1_2_VERSION);
		if (shaken) {
			static const char request[] = "GET /p HTTP/1.1\r\nHost: a.test\r\nConnection: close\r\n\r\n";
			char answer[4096] = "";
			assert_int_equal(SSL_write(ssl, request, sizeof request - 1), sizeof request - 1);
			for (int n = 0, got; (got = SSL_read(ssl, answer + n, (int)sizeof answer - 1 - n)) > 0;)
				n += got;
			assert_non_null(strstr(answer, "HTTP/1.1 200"));
			assert_non_null(strstr(answer, "Strict-Transport-Security: max-age=31536000; includeSubDomains"));
		}
		SSL_free(ssl);
		close(fd);
	}
	SSL_CTX_free(ctx);
	test_server_free(t, 10000);
}

static void a_silent_handshake_is_cut(void **state)
{
	(void)state;
	struct test_server *t = test_server_start(with_tls);
	int fd = raw_connect(t->address);
	test_server_until_open(t, 1);
	test_server_step(t, REQUEST_MS + 1000);
	assert_true(raw_ended(fd));
	close(fd);
	fd = raw_connect(t->address);
	test_server_until_open(t, 1);
	test_server_free(t, 10000); /* an idle one does not hold the stop up */
	close(fd);
}

static void a_bad_certificate_stops_the_start(void **state)
{
	(void)state;
	struct test_server *t = test_server_start(with_tls);
	struct http_options o = t->server->o;
	struct http_server *s = NULL;
	o.tls_cert_pem = "no certificate";
	assert_int_not_equal(http_server_start(&o, &s), OK);
	o.tls_cert_pem = cert_pem;
	o.tls_key_pem = NULL;
	assert_int_not_equal(http_server_start(&o, &s), OK);
	assert_null(s);
	test_server_free(t, 10000);
}

int main(void)
{
	log_set_sink(quiet, NULL);
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(answers_over_tls),
	    cmocka_unit_test(a_silent_handshake_is_cut),
	    cmocka_unit_test(a_bad_certificate_stops_the_start),
	};
	return cmocka_run_group_tests(tests, make_certificate, forget_certificate);
}
