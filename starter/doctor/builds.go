package doctor

import (
	"fmt"

	deploymentpb "go.temporal.io/api/deployment/v1"
	enumspb "go.temporal.io/api/enums/v1"
	taskqueuepb "go.temporal.io/api/taskqueue/v1"
)

// checkBuilds looks whether the tasks of a queue reach who polls it: with Worker
// Versioning only workers of the current build get all of them, and while there is
// none only those without a build.
func (d *checker) checkBuilds(queue string, polling []*taskqueuepb.PollerInfo, current *deploymentpb.WorkerDeploymentVersion) []Finding {
	const name = "worker build"
	command := "temporal worker deployment set-current-version --namespace " + d.namespace + " --deployment-name "
	var waiting *deploymentpb.WorkerDeploymentOptions
	for _, p := range polling {
		is := p.GetDeploymentOptions()
		versioned := is.GetWorkerVersioningMode() == enumspb.WORKER_VERSIONING_MODE_VERSIONED
		switch {
		case !versioned && current == nil,
			versioned && is.GetDeploymentName() == current.GetDeploymentName() && is.GetBuildId() == current.GetBuildId():
			return nil
		case versioned:
			waiting = is
		}
	}
	switch {
	case waiting != nil:
		return []Finding{failure(name, fmt.Sprintf("the workers on %s are of build %s of deployment %s, which is not the current one: they get no work", queue, waiting.GetBuildId(), waiting.GetDeploymentName()),
			"make it the current one: see docs/operations/upgrades.md", command+waiting.GetDeploymentName()+" --build-id "+waiting.GetBuildId())}
	case current != nil && len(polling) > 0:
		return []Finding{failure(name, fmt.Sprintf("the tasks of %s go to build %s of deployment %s, and only workers without a build poll it", queue, current.GetBuildId(), current.GetDeploymentName()),
			"start workers of that build, or give Worker Versioning up", command+current.GetDeploymentName()+" --unversioned")}
	}
	return nil
}
