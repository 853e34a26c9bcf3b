import java.io.ByteArrayInputStream;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.stream.Stream;
import org.camunda.bpm.model.bpmn.Bpmn;
import org.camunda.bpm.model.bpmn.BpmnModelInstance;
import org.flowable.bpmn.converter.BpmnXMLConverter;
import org.flowable.bpmn.model.BoundaryEvent;
import org.flowable.bpmn.model.BpmnModel;
import org.flowable.bpmn.model.EndEvent;
import org.flowable.bpmn.model.FlowElement;
import org.flowable.bpmn.model.MultiInstanceLoopCharacteristics;
import org.flowable.bpmn.model.ParallelGateway;
import org.flowable.bpmn.model.Process;
import org.flowable.bpmn.model.SequenceFlow;
import org.flowable.bpmn.model.StartEvent;
import org.flowable.bpmn.model.TimerEventDefinition;
import org.flowable.bpmn.model.UserTask;

/** resave IN OUT: reads each file of IN with the schema of BPMN 2.0 and writes what was read, once with each peer.
 *  build OUT: makes files by the peers' own builders. */
public class Peers {
  public static void main(String[] words) throws IOException {
    if (words[0].equals("resave")) resave(Path.of(words[1]), Path.of(words[2]));
    else build(Path.of(words[1]));
  }

  static void resave(Path in, Path out) throws IOException {
    Path camunda = Files.createDirectories(out.resolve("camunda")), flowable = Files.createDirectories(out.resolve("flowable"));
    List<Path> files;
    try (Stream<Path> all = Files.list(in)) { files = all.sorted().toList(); }
    for (Path file : files) {
      BpmnModelInstance model = Bpmn.readModelFromFile(file.toFile());
      Bpmn.validateModel(model);
      Bpmn.writeModelToFile(camunda.resolve(file.getFileName()).toFile(), model);
      byte[] bytes = Files.readAllBytes(file);
      BpmnModel read = new BpmnXMLConverter().convertToBpmnModel(() -> new ByteArrayInputStream(bytes), true, true, "UTF-8");
      Files.write(flowable.resolve(file.getFileName()), new BpmnXMLConverter().convertToXML(read));
    }
    System.out.println(files.size());
  }

  static void build(Path out) throws IOException {
    BpmnModelInstance order = Bpmn.createExecutableProcess("purchaseOrder").name("采购")
        .startEvent("begin").camundaInitiator("applicant")
        .userTask("write").name("填写").camundaAssignee("${applicant}").camundaFormKey("order_form")
        .businessRuleTask("sum").name("按金额").camundaDecisionRef("by_sum").camundaResultVariable("size")
        .exclusiveGateway()
        .condition("", "${size == 'large'}")
        .userTask("sign").name("会签").camundaCandidateGroups("head,finance").multiInstance().parallel().multiInstanceDone()
        .boundaryEvent("tooLate").cancelActivity(false).timerWithDuration("P2D").endEvent()
        .moveToActivity("sign")
        .intermediateCatchEvent("cool").name("冷静期").timerWithDuration("PT24H")
        .endEvent("finish")
        .moveToLastGateway()
        .condition("", "${size == 'small'}").connectTo("cool")
        .done();
    order.<org.camunda.bpm.model.bpmn.instance.Process>getModelElementById("purchaseOrder").setCamundaCandidateStarterGroups("clerk");
    Bpmn.writeModelToFile(out.resolve("camunda.bpmn").toFile(), order);

    Process process = new Process();
    process.setId("hireStaff");
    process.setName("录用");
    StartEvent start = add(process, new StartEvent(), "start");
    start.setInitiator("me");
    ParallelGateway fork = add(process, new ParallelGateway(), "fork"), join = add(process, new ParallelGateway(), "join");
    fork.setName("分头审查");
    UserTask health = task(process, "healthCheck", "体检", "clinic"), papers = task(process, "papers", "查档", "archive", "police");
    MultiInstanceLoopCharacteristics loop = new MultiInstanceLoopCharacteristics();
    loop.setSequential(true);
    loop.setLoopCardinality("2");
    papers.setLoopCharacteristics(loop);
    BoundaryEvent late = add(process, new BoundaryEvent(), "late");
    late.setAttachedToRef(health);
    late.setCancelActivity(false);
    TimerEventDefinition timer = new TimerEventDefinition();
    timer.setTimeDuration("PT36H");
    late.addEventDefinition(timer);
    UserTask offer = task(process, "offer", "发函");
    offer.setAssignee("${me}");
    EndEvent end = add(process, new EndEvent(), "done");
    FlowElement[][] flows = {{start, fork}, {fork, health}, {fork, papers}, {health, join}, {papers, join}, {join, offer}, {offer, end}};
    for (FlowElement[] flow : flows) {
      SequenceFlow made = new SequenceFlow(flow[0].getId(), flow[1].getId());
      made.setId(flow[0].getId() + "To" + flow[1].getId());
      process.addFlowElement(made);
    }
    BpmnModel model = new BpmnModel();
    model.addProcess(process);
    Files.write(out.resolve("flowable.bpmn"), new BpmnXMLConverter().convertToXML(model));
  }

  static <T extends FlowElement> T add(Process process, T element, String id) {
    element.setId(id);
    process.addFlowElement(element);
    return element;
  }

  static UserTask task(Process process, String id, String name, String... groups) {
    UserTask task = add(process, new UserTask(), id);
    task.setName(name);
    task.setCandidateGroups(new java.util.ArrayList<>(List.of(groups)));
    return task;
  }
}
