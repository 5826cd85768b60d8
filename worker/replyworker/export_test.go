package replyworker

import "go.temporal.io/sdk/worker"

// RegisterWorkflows registers the workflows of this build, and WorkflowPollers are its
// pollers of workflow tasks.
var (
	RegisterWorkflows = registerWorkflows
	WorkflowPollers   = workflowPollers
)

// NewBuild makes a worker of a build whose workflows are what register registers.
// It keeps none of them in memory: every workflow task replays the whole history,
// so that a change that does not fit it cannot stay unnoticed.
func NewBuild(c Config, register func(worker.WorkflowRegistry)) *Worker {
	worker.SetStickyWorkflowCacheSize(0)
	return newWorker(c, register)
}
