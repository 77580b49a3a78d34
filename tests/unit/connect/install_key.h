/* install_key.h - a public key as the hosts of install keys give it. */
#pragma once

static const char key_2048[] = "-----BEGIN PUBLIC KEY-----\n"
                               "MIIBIjANBgkqhkiG9w0BAQEFAAOCAQ8AMIIBCgKCAQEAwhJP/0+Vjsw3tItoPJ9W\n"
                               "tE2kRwj3ftCTZyU0P4s4TDEi4LvV5xMnmxXMvZClIpwV25tIxygzlu2GGVU+zZCw\n"
                               "5qAoUZPvRNAFuuVMCTs6VTOkmk7VBZo4pgW3PIl39IRz7T3DG7pyfyBx22jtmpJG\n"
                               "PXvQAY5obfJsiDQ8cT7l2/R1LhMdJzRQAw05klcXQt+Ab9mm8cEH6gwkxoBgCzhE\n"
                               "EKzyKTWttSYygOjJvMDzKMcPBaFBld5gwsTH9xJFro88ZGXaarvJ6+w2OMlvMjPi\n"
                               "Oh/t4mj05cTfvTUv7kBVXMfL6IeW0+F+6nn9ulOebi+IRuvWxWUyVmVTCLoiszkB\n"
                               "sQIDAQAB\n"
                               "-----END PUBLIC KEY-----\n";
