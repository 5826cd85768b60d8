package replyworker

import (
	"go.temporal.io/sdk/worker"
	"go.temporal.io/sdk/workflow"
	"go.uber.org/zap"
)

// deploymentOptions opts into Worker Deployment Versioning if v is set.
//
// Every workflow, also the short ones, goes on with the current build at its next
// task and is pinned to none. A reply lives up to 37 days: the old workers would
// have to be kept for weeks, and a batch of acknowledged events that is pinned to a
// worker that somebody ended would be lost.
func deploymentOptions(v worker.WorkerDeploymentVersion) worker.DeploymentOptions {
	if v == (worker.WorkerDeploymentVersion{}) {
		return worker.DeploymentOptions{}
	}
	return worker.DeploymentOptions{UseVersioning: true, Version: v, DefaultVersioningBehavior: workflow.VersioningBehaviorAutoUpgrade}
}

// logVersion says what a versioned worker waits for: until an operator makes its
// build the current one it gets no work, and looks as if it hung.
func (w *Worker) logVersion() {
	if w.version == (worker.WorkerDeploymentVersion{}) {
		return
	}
	w.logger.Info("this build gets work once it is the current one of its deployment",
		zap.String("deployment", w.version.DeploymentName), zap.String("build", w.version.BuildID),
		zap.String("command", "temporal worker deployment set-current-version --deployment-name "+w.version.DeploymentName+" --build-id "+w.version.BuildID))
}
