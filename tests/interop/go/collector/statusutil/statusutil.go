// Package statusutil stands in for the Collector's module of this name, which not every module proxy hands out.
//
// Only the receiver of OTLP over HTTP calls it, to word its errors; this test speaks gRPC.
package statusutil

import (
	"google.golang.org/genproto/googleapis/rpc/errdetails"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
)

// NewStatusFromMsgAndHTTPCode words an error of the HTTP receiver.
func NewStatusFromMsgAndHTTPCode(message string, _ int) *status.Status {
	return status.New(codes.Unknown, message)
}

// GetRetryInfo finds no advice on when to try again.
func GetRetryInfo(*status.Status) *errdetails.RetryInfo { return nil }
