package cluster

import (
	"context"
	"log"

	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials/insecure"
	cri "k8s.io/cri-api/pkg/apis/runtime/v1"
)

const containerdSocket = "unix:///run/containerd/containerd.sock"

// pullAhead pulls images while the API server starts, which saves two seconds of
// waiting for the first pods. The kubelet pulls by itself what fails here.
func pullAhead(ctx context.Context, images []string) {
	connection, err := grpc.NewClient(containerdSocket, grpc.WithTransportCredentials(insecure.NewCredentials()))
	if err != nil {
		log.Print(err)
		return
	}
	defer connection.Close()
	client := cri.NewImageServiceClient(connection)
	for _, image := range images {
		request := &cri.PullImageRequest{Image: &cri.ImageSpec{Image: image}}
		// Waiting for ready is waiting for containerd, which starts meanwhile.
		if _, err := client.PullImage(ctx, request, grpc.WaitForReady(true)); err != nil {
			log.Printf("pulling %s ahead: %v", image, err)
		}
	}
}
