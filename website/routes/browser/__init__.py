"""What pages exchange with browsers: cookies, signed values, CSRF tokens, forms that are sent twice, security headers.

May use what is current in a request.
"""
